"""Damaged text files: lists, class maps, metrics, settings and local.ini."""

import json
import os
import random

import pytest

from config import paths, stored
from config.resolve import settings_of
from data import lists
from tests.fuzz.mutate import every_count, mutated, one_sentence, write
from training import build, preflight
from utils import logs, run_dir

LIST = b',label,file_name\n0,3,a.jpg\n1,10,"b c.jpg"\n2,3,sub/c.jpg\n3,7,d.jpg\n'
CLASSES = b"index,name\n3,ant\n7,bee\n10,cat\n"
CLASS_MAP = b"index,label,name\n0,3,ant\n1,7,bee\n2,10,cat\n"
METRICS = b"step,split,loss,accuracy\n1,train,2.5,0.25\n2,train,1.5,0.5\n2,test,,0.75\n"
LOCAL = b"[paths]\ndatasets_dir = ~/datasets\ncheckpoints_dir = /runs\n"
ODD = (
    None, True, False, 0, 1, -1, 2**31, 2**64, 10**400, 0.5, -0.5, float("nan"), float("inf"), "",
    "0", "soft", "none", "digits", "cars", "custom", "../x", "a\0b", "\ud800", "\udcff", "/", "~",
    "x" * 10000, [], [1], [[]], {}, {"a": 1}, {"a": "b"}, "resnet50", "vgg16", "hard", "vanilla",
    "pk", "shuffle",
)  # fmt: skip
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ARGS = os.path.join(TESTS, "config", "fixtures", "args_44ecadf.json")


@pytest.mark.promise("damaged list files", "one sentence", "300; 10,000 with -m slow")
@every_count
def test_lists(tmp_path, count):
    (tmp_path / "lists").mkdir()
    for seed in range(count):
        for name, data in (("train_all_sub_list", LIST), ("classes", CLASSES)):
            damaged = mutated(data, seed) if (name == "classes") == (seed % 4 == 0) else data
            write(tmp_path / "lists" / f"{name}.csv", damaged)
        with one_sentence(seed):
            rows, class_map = lists.read_rows(str(tmp_path), {"train"})
            assert len(class_map.digest) == 12
            for _, name in rows["train"]:
                path = os.path.normpath(os.path.join(str(tmp_path), name))
                assert path.startswith(str(tmp_path)) and len(name.splitlines()) == 1


@every_count
def test_class_maps_and_metrics_of_a_run(tmp_path, count):
    for seed in range(count):
        write(tmp_path / "classes.csv", mutated(CLASS_MAP, seed))
        write(tmp_path / "metrics.csv", mutated(METRICS, seed))
        with one_sentence(seed):
            run_dir.read_classes(str(tmp_path))
        with one_sentence(seed):
            logs.read_metrics(str(tmp_path))


def read_settings(folder):
    """What every script does first with a run."""
    config, records = stored.read(folder)
    assert json.dumps(settings_of(config)) and config.dataset_dir
    assert build.augmentation_of(config).max_pixels > 0 and config.ranking_weight is not False
    preflight.changes_since(config, config, 0)
    for name in ("image_counts", "lists"):
        assert all(isinstance(split, str) for split in records.get(name, {}))
    assert os.path.basename(config.checkpoint_name) == config.checkpoint_name


@pytest.mark.promise("a damaged args.json", "one sentence", "300; 10,000 with -m slow")
@every_count
def test_settings_of_a_run(tmp_path, count):
    """Half of the files have damaged bytes, half are JSON with an odd value."""
    with open(ARGS, "rb") as file:
        whole = file.read()
    for seed in range(count):
        if seed % 2:
            damaged = mutated(whole, seed)
        else:
            values, dice = json.loads(whole.decode()), random.Random(seed)
            for _ in range(dice.choice((1, 1, 3))):
                values[dice.choice([*sorted(values), *stored.RECORDS, "new"])] = dice.choice(ODD)
            damaged = json.dumps(values).encode()
        write(tmp_path / "args.json", damaged)
        with one_sentence(seed):
            read_settings(str(tmp_path))
        with one_sentence(seed):
            stored.refuse_foreign(str(tmp_path))


@pytest.mark.promise("a damaged config/local.ini", "one sentence", "300; 10,000 with -m slow")
@every_count
def test_local_ini(tmp_path, count):
    for seed in range(count):
        path = write(tmp_path / "local.ini", mutated(LOCAL, seed))
        with one_sentence(seed):
            found, _ = paths.resolve_paths({}, {}, paths.read_local_ini(path))
            assert not any(os.path.exists(place + "/no such file") for place in found.values())

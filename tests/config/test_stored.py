"""The reader of args.json: runs of this commit, of earlier ones, of the first release, noise."""

import dataclasses
import json
import os

import numpy as np
import pytest

from config import resolve, stored
from utils.errors import UserError

FIXTURE = os.path.join(os.path.dirname(__file__), "fixtures", "args_44ecadf.json")


def make(**given):
    return resolve.resolve(given, environ={}, local={})


def earlier():
    """The settings that `python main.py` stored before its settings had the present names."""
    with open(FIXTURE) as file:
        return json.load(file)


def write(folder, values):
    with open(os.path.join(str(folder), "args.json"), "w") as file:
        json.dump(values, file)


def message_of(folder):
    with pytest.raises(UserError) as caught:
        stored.read(str(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_stored_config_comes_back(tmp_path):
    config = make(dataset="flowers", margin="soft", seed=3, run_dir=str(tmp_path))
    write(tmp_path, dict(dataclasses.asdict(config), provenance={"x": 1}, lists={"val": "12"}))
    assert stored.read(str(tmp_path)) == (config, {"provenance": {"x": 1}, "lists": {"val": "12"}})


def test_a_run_of_an_earlier_commit(tmp_path):
    write(tmp_path, earlier())
    config, records = stored.read(str(tmp_path))
    now = make(run_dir=str(tmp_path), eval_split="test", datasets_dir=config.datasets_dir)
    same = {f.name for f in dataclasses.fields(config)} - {
        "path_origins", "pretrained_dir", "runs_dir", "run_suffix", "save_every_steps",
    }  # fmt: skip
    for name in same:
        assert getattr(config, name) == getattr(now, name), name
    assert config.eval_every_steps == 100 and config.save_every_steps == 1000
    assert config.run_suffix == "base_config"
    assert records["class_map"] == "b62775f5ff04" and "provenance" in records


def test_a_moved_run_is_where_it_lies_now(tmp_path):
    write(tmp_path, earlier())
    assert stored.read(str(tmp_path))[0].run_dir == str(tmp_path)


def test_a_setting_that_a_run_is_older_than(tmp_path, monkeypatch):
    """It takes the default; or, where that changed a result, the value that changes none."""
    values = earlier()
    for name in ("weight_decay", "margin", "center_alpha"):
        del values[name]
    write(tmp_path, values)
    config, _ = stored.read(str(tmp_path))
    assert (config.weight_decay, config.margin, config.center_alpha) == (0.0, 0.2, None)
    setting = stored.SETTINGS["weight_decay"]
    older = dict(setting.metadata, before=0.5)
    changed = dict(stored.SETTINGS, weight_decay=dataclasses.field(default=0.0, metadata=older))
    changed["weight_decay"].name = "weight_decay"
    monkeypatch.setattr(stored, "SETTINGS", changed)
    assert stored.read(str(tmp_path))[0].weight_decay == 0.5


@pytest.mark.parametrize("batches, mining", [(1, "step"), (2, "batch")])
def test_a_run_older_than_mining_goes_on_as_before(tmp_path, batches, mining):
    config = make(dataset="flowers", accumulate_batches=batches, run_dir=str(tmp_path))
    values = dataclasses.asdict(config)
    assert values.pop("mining") == "step"
    write(tmp_path, values)
    assert stored.read(str(tmp_path))[0].mining == mining


def test_a_setting_of_a_later_version_is_refused(tmp_path):
    write(tmp_path, dict(earlier(), warm_up=3))
    assert "warm_up" in message_of(tmp_path) and "another version" in message_of(tmp_path)


def test_a_run_of_the_first_release_is_called_so(tmp_path):
    values = dict(network_name="nets.resnet_v2.ResNet50", db_tuple_loader="x", margin=0.2)
    write(tmp_path, dict(values, checkpoint_filename="net.ckpt"))
    message = message_of(tmp_path)
    assert "a run of the first release" in message
    assert f"--pretrained {tmp_path}/net.ckpt" in message


@pytest.mark.parametrize("text", [None, "{", "[1]", "", "\x00", "[" * 5000, '{"seed": NaN}'])
def test_what_is_no_run_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "args.json").write_text(text)
    assert str(tmp_path) in message_of(tmp_path)


@pytest.mark.parametrize("settings, name", [
    ({}, "datasets_dir"),
    ({"dataset": "custom", "datasets_dir": "x"}, "dataset_path"),
])  # fmt: skip
def test_a_run_says_where_its_data_set_lies(tmp_path, settings, name):
    write(tmp_path, settings)
    assert f"args.json is damaged: {name} is missing" in message_of(tmp_path)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "args.json").write_bytes(b"\xff\xfe{}")
    assert "args.json" in message_of(tmp_path)
    (tmp_path / "args.json").unlink()
    (tmp_path / "args.json").mkdir()
    assert "args.json" in message_of(tmp_path)


VALUES = (None, True, -1, 0, 3, 2**70, 1e39, float("nan"), "", "x", "soft", [], [1], {}, {"a": 1})


@pytest.mark.parametrize("seed", range(3))
def test_values_of_every_kind_are_read_or_refused(tmp_path, seed):
    """One or two settings take any value: there is a Config that fits, or one sentence."""
    rng = np.random.RandomState(seed)
    names = sorted(earlier())
    for _ in range(100):
        values = earlier()
        for name in rng.choice(names, 1 + rng.randint(2)):
            values[str(name)] = VALUES[rng.randint(len(VALUES))]
        write(tmp_path, values)
        try:
            config, _ = stored.read(str(tmp_path))
        except UserError as error:
            assert "\n" not in str(error)
            continue
        assert isinstance(config.dataset, str) and isinstance(config.batch_size, int)
        assert 0 < config.batch_size < 2**31 and config.learning_rate >= 0
        assert json.loads(json.dumps(dataclasses.asdict(config), allow_nan=False))


@pytest.mark.parametrize(
    "name, value",
    [
        ("checkpoint_name", "../x"),
        ("log_name", "/etc/x"),
        ("log_name", ".."),
        ("run_suffix", "a/b"),
        ("pretrained", "a\0b"),
        ("datasets_dir", "\ud800"),
        ("path_origins", {"datasets_dir": 1}),
        ("lists", ["train"]),
        ("image_counts", {"train": "x"}),
        ("class_map", 5),
    ],
)
def test_what_no_run_can_have_stored(tmp_path, name, value):
    write(tmp_path, dict(earlier(), **{name: value}))
    assert f"damaged: {name} can't be" in message_of(tmp_path)


def test_origins_of_paths_that_are_missing(tmp_path):
    write(tmp_path, dict(earlier(), path_origins={}))
    origins = stored.read(str(tmp_path))[0].path_origins
    assert set(origins) == {"datasets_dir", "pretrained_dir", "runs_dir"}

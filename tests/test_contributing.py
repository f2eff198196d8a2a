"""The worked additions of CONTRIBUTING.md, made as they stand there in a copy of the repository."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import write_image, write_tree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("config", "data", "datasets_lists", "evaluation", "losses", "nets", "pretrained",
           "training", "utils")  # fmt: skip
SMALL = (
    "--dataset custom --net small --pretrained none --frame_size 32 --resize_min 34 --resize_max 40"
    " --batch_size 8 --train_iters 2 --log_every_steps 1 --eval_every_steps 2 --run_dir run"
).split()


def blocks():
    """The Python of CONTRIBUTING.md as (place, text); a place is "file" or "file, what of it"."""
    with open(os.path.join(ROOT, "CONTRIBUTING.md"), encoding="utf-8") as file:
        return re.findall(r"```python\n# ([^\n]*)\n(.*?)```", file.read(), re.DOTALL)


def put(root, place, text):
    """Makes one block's change: a new file, a row of a table, imports, or functions."""
    path, _, what = place.partition(", ")
    path = os.path.join(root, path)
    if not what:
        assert not os.path.exists(path)
        source = text
    else:
        with open(path, encoding="utf-8") as file:
            source = file.read()
        pattern = {"imports": r"^from ", "functions": r"^class "}.get(what, rf"^{what} = {{\n")
        found = re.search(pattern, source, re.MULTILINE)
        place = found.start() if what in ("imports", "functions") else found.end()
        source = source[:place] + text + ("\n\n" if what == "functions" else "") + source[place:]
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("copy"))
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", "*.ckpt*", "local.ini")
        shutil.copytree(os.path.join(ROOT, name), os.path.join(root, name), ignore=ignored)
    shutil.copy(os.path.join(ROOT, "main.py"), root)
    for place, text in blocks():
        put(root, place, text)
    return root


def run(root, *words):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_kind_of_addition_is_shown():
    """Each table gets a row, and no table is left out."""
    places = {place for place, _ in blocks()}
    assert {p for p in places if "," in p and not p.endswith(("imports", "functions"))} == {
        "nets/factory.py, BACKBONES", "config/networks.py, NETWORKS",
        "losses/objective.py, RANKING_LOSSES", "config/losses.py, LOSSES",
        "evaluation/metrics.py, METRICS", "config/datasets.py, DATASETS",
    }  # fmt: skip


@pytest.mark.ci
def test_a_network_a_loss_and_a_metric_train_and_are_scored(copy, tmp_path):
    tree = write_tree(str(tmp_path / "tree"))
    words = [*SMALL, "--dataset_path", tree, "--train_mode", "easy_positive", "--margin", "0.3"]
    printed = run(copy, "main.py", *words)
    assert "mean reciprocal rank" in printed
    folder = os.path.join(copy, "checkpoints", "run")
    with open(os.path.join(folder, "eval", "test", "metrics.json")) as file:
        assert 0 < json.load(file)["mrr"] <= 1
    with open(os.path.join(folder, "metrics.csv")) as file:
        assert "mrr" in file.readline().strip().split(",")
    help_text = run(copy, "main.py", "--help")
    assert "easy_positive: easy-positive triplet loss" in " ".join(help_text.split())


def test_a_data_set_is_made_checked_and_loaded(copy):
    root = os.path.join(copy, "datasets", "pets")
    os.makedirs(os.path.join(root, "annotations"))
    for split, numbers in (("trainval", (1, 2)), ("test", (3,))):
        lines = []
        for label, breed in enumerate(("Abyssinian", "great_pyrenees"), start=1):
            for number in numbers:
                lines.append(f"{breed}_{number} {label} 1 {number}\n")
                path = os.path.join(root, "images", f"{breed}_{number}.jpg")
                write_image(path, (90 * label, 20 * number, 10), seed=10 * label + number)
        with open(os.path.join(root, "annotations", f"{split}.txt"), "w") as file:
            file.writelines(lines)
    made = run(copy, "-m", "datasets_lists", "make", "pets", "--subset")
    assert "lists" in made
    with open(os.path.join(root, "lists", "test_all_sub_list.csv")) as file:
        assert file.read().splitlines()[1:] == ["0,0,Abyssinian_3.jpg", "1,1,great_pyrenees_3.jpg"]
    assert "vgg/data/pets" in run(copy, "-m", "datasets_lists", "download", "pets")

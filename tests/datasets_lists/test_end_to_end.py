"""Each official format, in small, through make, check, main.py's training and eval.py's scores."""

import json
import os

import pytest

from config.resolve import resolve
from datasets_lists import inspection, lists, official
from evaluation import evaluator
from reproduction import synthetic
from tests.datasets_lists.helpers import message_of
from training import preflight, trainer

pytestmark = pytest.mark.usefixtures("small_graphs", "no_pictures")
COUNTS = {
    "aircrafts": {"train": 16, "val": 8, "test": 8},
    "flowers": {"train": 8, "val": 8, "test": 8},
    "cars": {"train": 12, "test": 12},
    "cars_one_file": {"train": 12, "test": 12},
    "dogs": {"train": 12, "test": 12},
    "birds": {"train": 12, "test": 12},
    "cub": {"train": 12, "test": 12},
}


def test_official_files_without_lists_are_not_taken_for_folders_of_classes(tmp_path):
    root = synthetic.write("flowers", str(tmp_path), images_per_class=6)
    config = resolve({"dataset": "flowers", "datasets_dir": str(tmp_path)})
    message = message_of(preflight.load_dataset, config, ["train"])
    assert root in message and "python -m datasets_lists make flowers" in message


@pytest.mark.parametrize("tree", COUNTS)
def test_from_official_files_to_scores(tmp_path, tree):
    root = synthetic.write(tree, str(tmp_path / "datasets"), num_classes=2, images_per_class=12)
    name = tree.split("_")[0]
    assert lists.write(root, official.read(name, root, subset=True))
    report = inspection.inspect_dataset(name, root, subset=True)
    assert report.problems == () and report.counts == COUNTS[tree]
    if tree == "cars_one_file":
        return  # the lists differ from those of the other form in the names alone
    split = "val" if "val" in COUNTS[tree] else "test"
    config = resolve(
        {
            "dataset": name,
            "datasets_dir": str(tmp_path / "datasets"),
            "runs_dir": str(tmp_path / "checkpoints"),
            "net": "mobile",
            "depth_multiplier": 0.25,
            "pretrained": "none",
            "frame_size": 32,
            "resize_min": 34,
            "resize_max": 40,
            "batch_size": 8,
            "train_iters": 2,
            "log_every_steps": 1,
            "eval_split": split,
        }
    )
    trainer.train(config)
    with open(os.path.join(config.run_dir, "args.json")) as file:
        stored = json.load(file)
    assert stored["class_map"] == report.class_map
    assert stored["image_counts"] == COUNTS[tree]
    scores = evaluator.evaluate_run(config.run_dir, "test")
    assert scores["num_images"] == COUNTS[tree]["test"] and scores["num_classes"] == 2
    assert scores["class_map"] == report.class_map and scores["step"] == 2

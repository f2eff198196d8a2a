"""Made-up requests, data sets and finished runs, so that tables can be tried without training."""

import dataclasses
import os

from config.datasets import DATASETS
from data.lists import ClassMap
from reproduction.cells import TableRequest
from reproduction.tables import PAPER_DATASETS
from utils.run_dir import write_json

CLASS_MAP = "0123456789ab"
CLASS_MAP_OF_TWO = ClassMap((0, 1), ("0", "1")).digest  # of `write_lists` with two classes


def request_of(**changes):
    """The request of reproduce.py without flags, with changes."""
    request = TableRequest(
        table="resnet50",
        datasets=PAPER_DATASETS,
        modes=None,
        seeds=(0, 1, 2),
        protocol="released",
        budget="paper",
        common={},
    )
    return request._replace(**changes)


def write_lists(datasets_dir, name, train_sizes, num_test, num_val=0):
    """Writes lists and empty image files of a data set.

    Args:
      datasets_dir: str.
      name: str.
      train_sizes: list of int, training images of each class.
      num_test: int, test images, all of the first class.
      num_val: int, validation images, too; no list for 0.
    """
    root = os.path.join(datasets_dir, DATASETS[name].folder)
    images = os.path.join(root, DATASETS[name].image_folders[0])
    os.makedirs(images, exist_ok=True)
    os.makedirs(os.path.join(root, "lists"), exist_ok=True)
    labels = [label for label, size in enumerate(train_sizes) for _ in range(size)]
    splits = {"train": labels, "test": [0] * num_test, "val": [0] * num_val}
    for split, rows in splits.items():
        if not rows:
            continue
        lines = [",label,file_name"]
        for row, label in enumerate(rows):
            lines.append(f"{row},{label},{split}{row}.jpg")
            with open(os.path.join(images, f"{split}{row}.jpg"), "w"):
                pass
        with open(os.path.join(root, "lists", f"{split}_all_sub_list.csv"), "w") as file:
            file.write("\n".join(lines) + "\n")


def finish(cell, accuracy, class_map=CLASS_MAP, **changes):
    """Writes what the finished run of a cell leaves.

    Args:
      cell: reproduction.cells.Cell.
      accuracy: float, of the last checkpoint; that of the best one is 0.01 higher.
      class_map: str, that of the run and of its reports.
      **changes: entries of both reports.
    """
    settings = dataclasses.asdict(cell.config)
    provenance = {"tensorflow": "2.21.0", "commit": "c0"}
    os.makedirs(cell.config.run_dir)
    write_args(cell, dict(settings, class_map=class_map, provenance=provenance))
    scores = {f"recall@{k}": 0.5 for k in (1, 2, 4, 8, 16)}
    split = cell.config.final_split or "test"
    for name, extra, folder in ((split, 0.0, ""), (f"{split}-best", 0.01, "best/")):
        report = dict(
            scores,
            accuracy=accuracy + extra,
            top5_accuracy=0.9,
            mean_per_class_accuracy=accuracy - 0.1,
            nmi=None,
            split=split,
            num_images=20,
            checkpoint=f"{folder}model.ckpt-{cell.config.train_iters}",
            step=cell.config.train_iters,
            class_map=class_map,
            embedding="pooled" if cell.config.emb_dim is None else "head",
            **{"map@r": 0.25},
        )
        folder = os.path.join(cell.config.run_dir, "eval", name)
        os.makedirs(folder)
        write_json(os.path.join(folder, "metrics.json"), dict(report, **changes))


def write_args(cell, values):
    """Writes the args.json of a cell's run."""
    write_json(os.path.join(cell.config.run_dir, "args.json"), values)


def path_in_run(cell, *names):
    """A path in a cell's run folder."""
    return os.path.join(cell.config.run_dir, *names)

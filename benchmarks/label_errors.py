"""Precision and recall of the report's suspect labels, with planted errors in the digits.

python -m benchmarks.label_errors
"""

import argparse
import os
import tempfile

import numpy as np
import pandas as pd

from config import resolve
from data import digits, lists
from evaluation import evaluator
from evaluation.report import run as report
from evaluation.report import suspects
from training import trainer


def plant(root, share, seed):
    """Changes the labels of a share of the images in each list.

    Returns:
      dict from split to set of the rows that were changed.
    """
    rng = np.random.RandomState(seed)
    planted = {}
    for split in lists.SPLITS:
        path = lists.list_path(root, split)
        table = pd.read_csv(path, index_col=0)
        rows = rng.permutation(len(table))[: round(share * len(table))]
        labels = table["label"].values.copy()
        labels[rows] = (labels[rows] + rng.randint(1, 10, len(rows))) % 10
        table["label"] = labels
        table.to_csv(path)
        planted[split] = set(rows)
    return planted


def measure(folder, share, seed):
    """One seed: plants, trains, evaluates; (split, planted, suspected, both) for two lists."""
    planted_root = os.path.join(folder, "digits")
    digits.write(planted_root)
    planted = plant(planted_root, share, seed)
    given = {"datasets_dir": folder, "run_dir": os.path.join(folder, "run"), "seed": seed}
    config = trainer.train(resolve.resolve(given))
    metrics = evaluator.evaluate_run(config.run_dir, "test")
    inputs = report.inputs_of(report.Run(config.run_dir, "test", metrics))
    test, train = inputs.scored, inputs.train
    asked = {"test": (test, [test.probabilities, test.votes]), "train": (train, [train.votes])}
    for split, (images, classifiers) in asked.items():
        found = set(suspects.denied_labels(classifiers, images.labels)[0])
        yield split, len(planted[split]), len(found), len(found & planted[split])


def main():
    """Prints precision and recall of each list over all seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    sums = {}
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as folder:
            for split, *counts in measure(folder, args.share, seed):
                sums[split] = sums.get(split, 0) + np.array(counts)
    for split, (planted, suspected, both) in sums.items():
        print(
            f"{split}: {planted} planted, {suspected} suspected, precision"
            f" {both / suspected:.3f}, recall {both / planted:.3f}"
        )


if __name__ == "__main__":
    main()

"""Trains the two-head network and evaluates it: python main.py --help."""

import os
import sys

from config import cli
from config.cluster import cluster_of
from utils.errors import run_script


def main():
    """Reads the flags, trains, evaluates on the test list, then prints the run folder."""
    config, only_check = cli.parse(sys.argv[1:])
    cluster = cluster_of(os.environ)
    # TensorFlow is imported late so that --help and flag errors are instant.
    from evaluation import evaluator
    from evaluation import files as eval_files
    from training import dry_run, preflight, trainer

    if only_check:
        print("\n".join(dry_run.check(config)))
        return
    config = trainer.train(config, cluster)
    if cluster is not None and not cluster.is_chief:
        return
    split = preflight.final_split(config)
    for report in evaluator.final_reports(config, split):
        print(eval_files.as_table(report))
    print(f"pictures: curves.png and eval/{split}/*.png in")
    print(config.run_dir)


if __name__ == "__main__":
    run_script("main.py", main)

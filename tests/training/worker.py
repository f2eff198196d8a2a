"""One process of a small run on several machines: python -m tests.training.worker FLAGS.

It trains as main.py does, with a network that is built in no time.
"""

import os
import sys

from config import cli
from config.cluster import cluster_of
from tests.training.test_replicas import tiny_tower
from training import graphs, step, trainer
from utils.errors import run_script


def main():
    """Trains with the tiny network."""
    graphs.build_tower = step.build_tower = tiny_tower
    trainer.train(cli.parse(sys.argv[1:])[0], cluster_of(os.environ))
    print("done")


if __name__ == "__main__":
    run_script("main.py", main)

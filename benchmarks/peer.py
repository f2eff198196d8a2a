"""Our training step against one of PyTorch, in turns.

    python -m venv .venv-peer && .venv-peer/bin/pip install -r benchmarks/requirements-peer.txt
    python -m benchmarks.peer --python .venv-peer/bin/python

Both train ResNet-50 with 100 classes, cross-entropy and batch-hard on a 256-dimensional embedding
of the flattened feature map, by SGD with momentum, on a batch of random pixels held in memory. The
peer is timm's network, in channels-last layout, with pytorch-metric-learning's miner and loss.
"""

import argparse
import os
import subprocess

import numpy as np

from benchmarks.turns import compare, lines_of, take_turns, timed
from config.resolve import resolve
from training import build
from training.optimizer import build_optimizer
from utils.errors import UserError
from utils.tf1 import TENSORFLOW_VERSION, tf

CLASSES = 100
_STEPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_step.py")


def _our_step(session, batch_size):
    """The op of a training step on a fixed batch."""
    given = {"dataset": "custom", "dataset_path": ".", "batch_size": batch_size}
    config = resolve(given)
    shape = (batch_size, config.frame_size, config.frame_size, 3)
    pixels = np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)
    images = tf.get_variable("images", initializer=pixels, trainable=False)
    labels = tf.range(batch_size) // config.images_per_class
    tower = build.build_tower(config, images, CLASSES, is_training=True)
    total = build.build_objective(config, labels, tower).total
    optimizer, _ = build_optimizer(config, tf.train.get_or_create_global_step())
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = optimizer.minimize(total)
    session.run(tf.global_variables_initializer())
    return step


def measure(python=None, batch_sizes=(16, 32), rounds=5):
    """Times both.

    Args:
      python: str, an interpreter with requirements-peer.txt; default: PEER_PYTHON's.
      batch_sizes: list of int, each a multiple of 4.
      rounds: int.

    Returns:
      list of turns.Row.

    Raises:
      UserError: there is no such interpreter, or it can't take a step.
    """
    python = python or os.environ.get("PEER_PYTHON")
    if not python:
        raise UserError(
            "the peer needs an environment with benchmarks/requirements-peer.txt; give its"
            " interpreter as --python, or in PEER_PYTHON"
        )
    pipe = subprocess.PIPE
    with subprocess.Popen([python, _STEPS], stdin=pipe, stdout=pipe, text=True) as peer:
        name = peer.stdout.readline().strip()
        if not name:
            raise UserError(f"{python} lacks a package of benchmarks/requirements-peer.txt")
        rows = [_compare(peer, name, batch_size, rounds) for batch_size in batch_sizes]
        peer.stdin.close()
    return rows


def _compare(peer, name, batch_size, rounds):
    def peer_step():
        peer.stdin.write(f"{batch_size}\n")
        peer.stdin.flush()
        return float(peer.stdout.readline())

    with tf.Graph().as_default(), tf.Session() as session:
        step = _our_step(session, batch_size)
        tasks = {f"TensorFlow {TENSORFLOW_VERSION}": timed(session.run, step), name: peer_step}
        seconds = take_turns(tasks, rounds, warm_up=2)
    return compare(seconds, *tasks, where=f"ResNet-50 step, batch {batch_size}")


def main():
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python", default=os.environ.get("PEER_PYTHON"), help="peer's interpreter"
    )
    parser.add_argument("--batch_sizes", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--rounds", type=int, default=5)
    print(*lines_of(measure(**vars(parser.parse_args()))), sep="\n")


if __name__ == "__main__":
    main()

"""Time of a training step by mode, and compared with another TensorFlow.

    python -m benchmarks.step_time                                  hard against vanilla
    python -m benchmarks.step_time --modes hard --python PYTHON     this TensorFlow against PYTHON's

It uses the trainer's own step, including input, on generated JPEGs. Modes and interpreters take
turns, so that drifts in machine speed affect all of them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

from config.losses import TRAIN_MODES
from config.networks import NETWORKS
from config.resolve import resolve
from training import graphs, preflight
from utils.tf1 import TENSORFLOW_VERSION, open_session, tf


def write_images(root, classes=8, per_class=6, size=(500, 375)):
    """Writes smooth random JPEGs of typical size, in one folder per class."""
    rng = np.random.RandomState(0)
    for label in range(classes):
        os.makedirs(os.path.join(root, str(label)))
        for i in range(per_class):
            small = Image.fromarray(rng.randint(0, 256, (24, 32, 3)).astype(np.uint8))
            image = small.resize(size, Image.BICUBIC)
            image.save(os.path.join(root, str(label), f"{i}.jpg"), quality=92)


class Timed:
    """A training graph with its own session, ready to take steps."""

    def __init__(self, config):
        """Builds the graph and takes two steps to warm up."""
        self._graph = tf.Graph()
        with self._graph.as_default():
            dataset = preflight.load_dataset(config, ["train"])
            classes = len(dataset.class_map.labels)
            self._train = graphs.build_train_graph(config, dataset.splits["train"], classes)
            self._session = open_session(config.gpu, config.precision, config.xla)
            graphs.start(self._session, self._train)
        for _ in range(2):
            self.step()

    def step(self):
        """Seconds of one step."""
        start = time.perf_counter()
        self._session.run((self._train.terms, self._train.step))
        return time.perf_counter() - start


def measure(net, modes, batch_size, frame_size, rounds):
    """Takes steps of each mode in turn.

    Returns:
      dict from mode to list of `rounds` float, seconds per step.
    """
    with tempfile.TemporaryDirectory() as root:
        write_images(root)
        given = {"dataset": "custom", "dataset_path": root, "net": net, "batch_size": batch_size}
        given["frame_size"] = frame_size or NETWORKS[net].frame_size
        timed = {m: Timed(resolve(dict(given, train_mode=m))) for m in modes}
        seconds = {mode: [] for mode in modes}
        for _ in range(rounds):
            for mode in modes:
                seconds[mode].append(timed[mode].step())
    return seconds


def _measure_in(python, args):
    """The same measurement in another interpreter."""
    words = [python, "-m", "benchmarks.step_time", "--json", "--net", args.net]
    words += ["--batch_size", str(args.batch_size), "--rounds", str(args.rounds), "--modes"]
    words += args.modes + (["--frame_size", str(args.frame_size)] if args.frame_size else [])
    return json.loads(subprocess.check_output(words, stderr=subprocess.DEVNULL, text=True))


def _compare(args):
    """Prints the ratio of this interpreter's medians to the other's, measured in turns."""
    pairs = []
    for _ in range(args.turns):
        mine, other = _measure_in(sys.executable, args), _measure_in(args.python, args)
        pairs.append((mine, other))
    for mode in args.modes:
        ratios = []
        for mine, other in pairs:
            here, there = (statistics.median(x["seconds"][mode]) for x in (mine, other))
            ratios.append(here / there)
            names = (mine["tensorflow"], other["tensorflow"])
            print(f"{mode}: TF {names[0]} {here:.3f} s, TF {names[1]} {there:.3f} s")
        print(
            f"{mode}: ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} - {max(ratios):.3f})"
        )


def _print(seconds, modes):
    for mode in modes:
        ratios = [a / b for a, b in zip(seconds[mode], seconds[modes[0]])]
        print(
            f"{mode:10} {statistics.median(seconds[mode]):.3f} s per step,"
            f" {statistics.median(ratios):.3f} of {modes[0]}"
            f" ({min(ratios):.3f} - {max(ratios):.3f})"
        )


def main():
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--net", default="resnet50", choices=tuple(NETWORKS))
    add("--modes", nargs="+", default=["vanilla", "hard"], choices=TRAIN_MODES)
    add("--batch_size", type=int, default=32)
    add("--frame_size", type=int, help="pixels per side [default: the network's]")
    add("--rounds", type=int, default=9, help="steps of each mode [default 9]")
    add("--python", help="another interpreter to compare with, such as one with TensorFlow 1.15")
    add("--turns", type=int, default=2, help="runs of each interpreter [default 2]")
    add("--json", action="store_true", help="print the seconds of every step as JSON")
    args = parser.parse_args()
    if args.python:
        _compare(args)
        return
    seconds = measure(args.net, args.modes, args.batch_size, args.frame_size, args.rounds)
    if args.json:
        print(json.dumps({"tensorflow": TENSORFLOW_VERSION, "seconds": seconds}))
    else:
        print(f"{args.net}, batch {args.batch_size}, TensorFlow {TENSORFLOW_VERSION}")
        _print(seconds, args.modes)


if __name__ == "__main__":
    main()

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

import numpy as np
from PIL import Image

from benchmarks.turns import compare, lines_of, take_turns, timed
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
    """A training graph with its own session, ready to take steps.

    Attributes:
      graph: tf.Graph.
    """

    def __init__(self, config):
        """Builds the graph and takes two steps to warm up."""
        self.graph = tf.Graph()
        with self.graph.as_default():
            dataset = preflight.load_dataset(config, ["train"])
            classes = len(dataset.class_map.labels)
            self._train = graphs.build_train_graph(config, dataset.splits["train"], classes)
            self._session = open_session(config.gpu, config.precision, config.xla)
            graphs.start(self._session, self._train)
        for _ in range(2):
            self.step()

    def step(self, **options):
        """Takes one step; `options` are those of `tf.Session.run`."""
        self._session.run((self._train.terms, self._train.step), **options)


def seconds_of(variants, net, batch_size, frame_size, rounds):
    """Takes steps of several variants of a run in turn.

    Args:
      variants: dict from name to the settings that make the variant.
      net: str.
      batch_size: int, B.
      frame_size: int, pixels per side; None for the network's.
      rounds: int, R.

    Returns:
      dict from name to list of float [R], seconds per step.
    """
    with tempfile.TemporaryDirectory() as root:
        write_images(root)
        given = {"dataset": "custom", "dataset_path": root, "net": net, "batch_size": batch_size}
        given["frame_size"] = frame_size or NETWORKS[net].frame_size
        steps = {n: Timed(resolve(dict(given, **v))).step for n, v in variants.items()}
        return take_turns({n: timed(step) for n, step in steps.items()}, rounds, warm_up=0)


def by_mode(net, modes, batch_size, frame_size, rounds):
    """Seconds per step of each training mode, see `seconds_of`."""
    variants = {mode: {"train_mode": mode} for mode in modes}
    return seconds_of(variants, net, batch_size, frame_size, rounds)


def measure(net="resnet50", batch_size=32, frame_size=None, rounds=9):
    """Times the two-head step with batch-hard; list of turns.Row."""
    seconds = by_mode(net, ("hard", "vanilla"), batch_size, frame_size, rounds)
    return [compare(seconds, "hard", "vanilla", f"{net}, batch {batch_size}", most=1.1)]


def measure_precision(nets=("resnet50", "mobile"), batch_size=32, frame_size=None, rounds=7):
    """Times mixed precision; list of turns.Row.

    Raises:
      UserError: this device has none.
    """
    variants = {name: {"precision": name} for name in ("mixed", "float32")}
    rows = []
    for net in nets:
        seconds = seconds_of(variants, net, batch_size, frame_size, rounds)
        rows.append(compare(seconds, *variants, where=f"{net}, batch {batch_size}", most=1))
    return rows


def _measure_in(python, args):
    """The same measurement in another interpreter: its TensorFlow, and median seconds by mode."""
    words = [python, "-m", "benchmarks.step_time", "--json", "--net", args.net]
    words += ["--batch_size", str(args.batch_size), "--rounds", str(args.rounds), "--modes"]
    words += args.modes + (["--frame_size", str(args.frame_size)] if args.frame_size else [])
    measured = json.loads(subprocess.check_output(words, stderr=subprocess.DEVNULL, text=True))
    medians = {mode: statistics.median(s) for mode, s in measured["seconds"].items()}
    return "TensorFlow " + measured["tensorflow"], medians


def _compare(args):
    """Prints the ratio of this interpreter's medians to the other's, measured in turns."""
    runs = [_measure_in(p, args) for _ in range(args.turns) for p in (sys.executable, args.python)]
    for mode in args.modes:
        seconds = {}
        for name, medians in runs:
            seconds.setdefault(name, []).append(medians[mode])
        print(*lines_of([compare(seconds, *seconds, where=mode)]))


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
    seconds = by_mode(args.net, args.modes, args.batch_size, args.frame_size, args.rounds)
    if args.json:
        print(json.dumps({"tensorflow": TENSORFLOW_VERSION, "seconds": seconds}))
    else:
        print(f"{args.net}, batch {args.batch_size}, TensorFlow {TENSORFLOW_VERSION}")
        rows = [compare(seconds, mode, args.modes[0]) for mode in args.modes]
        print(*lines_of(rows), sep="\n")


if __name__ == "__main__":
    main()

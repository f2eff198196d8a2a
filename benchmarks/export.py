"""Time of an exported model with and without returning the embedding.

python -m benchmarks.export

The network has random weights, which don't affect the time. Both variants run in turn on one loaded
SavedModel, from pixels, so that drifts in machine speed affect both.
"""

import argparse
import os
import statistics
import tempfile
import time

import numpy as np

from config.networks import NETWORKS
from config.resolve import resolve
from inference import exporter, formats
from training import build
from utils.tf1 import TENSORFLOW_VERSION, open_session, tf


def write(folder, net, space, num_classes=100):
    """Writes an untrained two-head network as a SavedModel.

    Returns:
      int, pixels per side of its input.
    """
    given = {"dataset": "custom", "dataset_path": folder, "net": net, "pretrained": "none"}
    config = resolve(dict(given, frame_size=NETWORKS[net].frame_size))
    graph = exporter.freeze(
        config, [str(i) for i in range(num_classes)], space,
        lambda session: session.run(tf.global_variables_initializer()),
    )  # fmt: skip
    model = formats.Model(graph, build.augmentation_of(config), [])
    formats.FORMATS["savedmodel"].write(folder, model)
    return config.frame_size


def measure(folder, pixels, rounds):
    """Seconds of each round: probabilities alone, and probabilities with the embedding."""
    with tf.Graph().as_default(), open_session("-1") as session:
        tags = [tf.saved_model.tag_constants.SERVING]
        signatures = tf.saved_model.loader.load(session, tags, folder).signature_def
        feed = {signatures[formats.PIXELS].inputs[formats.PIXELS].name: pixels}
        outputs = signatures[formats.PIXELS].outputs
        choices = (("probabilities",), ("probabilities", "embedding"))
        fetches = [[outputs[name].name for name in names] for names in choices]
        for names in fetches:
            session.run(names, feed)
        return [[_seconds(session, names, feed) for names in fetches] for _ in range(rounds)]


def _seconds(session, fetches, feed):
    start = time.perf_counter()
    session.run(fetches, feed)
    return time.perf_counter() - start


def main():
    """Reads the flags, measures and prints the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--net", default="resnet50", choices=tuple(NETWORKS))
    add("--space", default="embedding", choices=("embedding", "pooled", "both"))
    add("--batch_size", type=int, default=16)
    add("--rounds", type=int, default=31)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = os.path.join(root, "model")
        frame_size = write(folder, args.net, args.space)
        shape = (args.batch_size, frame_size, frame_size, 3)
        pixels = np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)
        seconds = measure(folder, pixels, args.rounds)
    alone, together = (1000 * statistics.median(s) / args.batch_size for s in zip(*seconds))
    ratios = [b / a for a, b in seconds]
    print(f"{args.net}, batch {args.batch_size}, {frame_size} px, TensorFlow {TENSORFLOW_VERSION}")
    print(f"probabilities {alone:.1f} ms per image, with the embedding {together:.1f}")
    print(f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} - {max(ratios):.3f})")


if __name__ == "__main__":
    main()

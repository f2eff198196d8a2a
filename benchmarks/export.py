"""Time of an exported model with and without returning the embedding.

python -m benchmarks.export

The network has random weights, which don't affect the time. Both variants run in turn on one loaded
SavedModel, from pixels, so that drifts in machine speed affect both.
"""

import argparse
import os
import tempfile

import numpy as np

from benchmarks.turns import compare, lines_of, take_turns, timed
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


def measure(net="resnet50", space="embedding", batch_size=16, rounds=11):
    """Times a model with and without returning the embedding.

    Args:
      net: str.
      space: str, what is returned as embedding.
      batch_size: int, B.
      rounds: int.

    Returns:
      list of turns.Row.
    """
    with tempfile.TemporaryDirectory() as root:
        folder = os.path.join(root, "model")
        frame_size = write(folder, net, space)
        shape = (batch_size, frame_size, frame_size, 3)
        pixels = np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)
        with tf.Graph().as_default(), open_session("-1") as session:
            tags = [tf.saved_model.tag_constants.SERVING]
            signatures = tf.saved_model.loader.load(session, tags, folder).signature_def
            feed = {signatures[formats.PIXELS].inputs[formats.PIXELS].name: pixels}
            outputs = signatures[formats.PIXELS].outputs
            alone = outputs["probabilities"].name
            both = [alone, outputs["embedding"].name]
            tasks = {
                "with the embedding": timed(session.run, both, feed),
                "probabilities alone": timed(session.run, alone, feed),
            }
            seconds = take_turns(tasks, rounds)
    return [compare(seconds, *tasks, where=f"exported {net}, batch {batch_size}")]


def main():
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--net", default="resnet50", choices=tuple(NETWORKS))
    add("--space", default="embedding", choices=("embedding", "pooled", "both"))
    add("--batch_size", type=int, default=16)
    add("--rounds", type=int, default=11)
    args = parser.parse_args()
    print(f"TensorFlow {TENSORFLOW_VERSION}")
    print(*lines_of(measure(**vars(args))), sep="\n")


if __name__ == "__main__":
    main()

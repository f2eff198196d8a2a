"""Time of the embedding head's layer, operation by operation.

    python -m benchmarks.embedding_layer

For ResNet-50 the layer has 7 * 7 * 2048 * 256 weights, 25.7 million; gradient and momentum are
just as large, so the time depends on how often such arrays are read or written. The pieces take
turns.
"""

import argparse

import numpy as np

from benchmarks.turns import compare, lines_of, take_turns, timed
from nets.heads import embedding_head
from utils.tf1 import TENSORFLOW_VERSION, tf

MOMENTUM = 0.9


def build(batch_size, side, channels, emb_dim):
    """Builds the layer on constant features.

    Returns:
      dict from piece to the op to run; each piece includes the previous ones.
    """
    rng = np.random.RandomState(0)
    values = rng.rand(batch_size, side, side, channels).astype(np.float32)
    features = tf.get_variable("features", initializer=values, trainable=False)
    embeddings = embedding_head(features, emb_dim)
    loss = tf.reduce_sum(embeddings * rng.rand(batch_size, emb_dim).astype(np.float32))
    to_features = tf.gradients(loss, features)[0]
    optimizer = tf.train.MomentumOptimizer(0.01, MOMENTUM)
    gradients = optimizer.compute_gradients(loss)
    # The ops themselves, as TensorFlow may prune what a tf.group only waits for.
    forward, back = [loss.op], [loss.op, to_features.op]
    return {
        "forward": forward,
        "and gradient of the features": back,
        "and gradient of the weights": back + [gradient.op for gradient, _ in gradients],
        "and momentum step": back + [optimizer.apply_gradients(gradients)],
    }


def measure(batch_size=32, side=7, channels=2048, emb_dim=256, rounds=15):
    """Times the pieces.

    Args:
      batch_size: int, B.
      side: int, of the feature map.
      channels: int, of the feature map.
      emb_dim: int, D.
      rounds: int.

    Returns:
      list of turns.Row.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        pieces = build(batch_size, side, channels, emb_dim)
        session.run(tf.global_variables_initializer())
        tasks = {name: timed(session.run, piece) for name, piece in pieces.items()}
        seconds = take_turns(tasks, rounds, warm_up=2)
    return [compare(seconds, name, "forward", "embedding layer") for name in list(pieces)[1:]]


def main():
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--side", type=int, default=7, help="of the feature map [default 7]")
    parser.add_argument("--channels", type=int, default=2048, help="[default 2048]")
    parser.add_argument("--emb_dim", type=int, default=256, help="[default 256]")
    parser.add_argument("--rounds", type=int, default=15, help="[default 15]")
    args = parser.parse_args()
    print(f"TensorFlow {TENSORFLOW_VERSION}")
    print(*lines_of(measure(**vars(args))), sep="\n")


if __name__ == "__main__":
    main()

"""Time of the embedding head's layer, operation by operation.

    python -m benchmarks.embedding_layer

For ResNet-50 the layer has 7 * 7 * 2048 * 256 weights, 25.7 million; gradient and momentum are
just as large, so the time depends on how often such arrays are read or written. The pieces take
turns.
"""

import argparse
import statistics
import time

import numpy as np

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


def take_turns(session, pieces, rounds):
    """Runs the pieces in turn, round by round.

    Returns:
      dict from piece to list of `rounds` float, seconds.
    """
    seconds = {name: [] for name in pieces}
    for _ in range(rounds + 2):
        for name, piece in pieces.items():
            start = time.perf_counter()
            session.run(piece)
            seconds[name].append(time.perf_counter() - start)
    return {name: values[2:] for name, values in seconds.items()}  # two rounds warm up


def main():
    """Measures and prints milliseconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--side", type=int, default=7, help="of the feature map [default 7]")
    parser.add_argument("--channels", type=int, default=2048, help="[default 2048]")
    parser.add_argument("--emb_dim", type=int, default=256, help="[default 256]")
    parser.add_argument("--rounds", type=int, default=15, help="[default 15]")
    args = parser.parse_args()
    with tf.Graph().as_default(), tf.Session() as session:
        pieces = build(args.batch_size, args.side, args.channels, args.emb_dim)
        session.run(tf.global_variables_initializer())
        seconds = take_turns(session, pieces, args.rounds)
    print(f"TensorFlow {TENSORFLOW_VERSION}")
    before = 0.0
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:30} {1e3 * median:7.1f} ms, {1e3 * (median - before):+.1f}")
        before = median


if __name__ == "__main__":
    main()

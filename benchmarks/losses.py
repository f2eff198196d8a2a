"""Time and memory of the ranking losses, forward and gradient.

    python -m benchmarks.losses                 batch-hard against a loop over rows
    python -m benchmarks.losses --each 1024     every loss at this batch size
    python -m benchmarks.losses --each 4096 --modes semi_hard

Batches are P x K with K = 4 and D = 256. What is compared takes turns, and each memory is that of a
fresh process.
"""

import argparse
import multiprocessing
import resource
import statistics
import time

import numpy as np

from benchmarks.turns import compare, lines_of
from config.losses import TWO_HEAD_MODES
from config.resolve import resolve
from losses.objective import RANKING_LOSSES
from losses.triplet import batch_hard, hinge
from training.build import ranking_arguments
from utils.tf1 import TENSORFLOW_VERSION, tf

EMB_DIM, IMAGES_PER_CLASS = 256, 4


def batch_hard_by_row(labels, embeddings, margin):
    """Batch-hard as a loop over anchors in the graph, for comparison."""

    def of_anchor(i):
        distances = tf.reduce_sum(tf.square(embeddings - embeddings[i]), axis=1)
        same = tf.equal(labels, labels[i])
        to_positive = tf.reduce_max(tf.boolean_mask(distances, same))
        to_negative = tf.reduce_min(tf.boolean_mask(distances, tf.logical_not(same)))
        return hinge(to_positive - to_negative, margin)

    return tf.map_fn(of_anchor, tf.range(tf.shape(labels)[0]), dtype=tf.float32)


def build(loss, batch_size, **arguments):
    """A loss of random unit rows and its gradient, as ops to run."""
    rng = np.random.RandomState(0)
    rows = rng.randn(batch_size, EMB_DIM).astype(np.float32)
    # Variables, so that nothing is computed once and for all when the graph is optimised.
    rows = tf.get_variable("rows", initializer=rows)
    labels = tf.get_variable(
        "labels", initializer=np.arange(batch_size, dtype=np.int32) // IMAGES_PER_CLASS
    )
    values = loss(labels, tf.nn.l2_normalize(rows, axis=1), **arguments)
    values = values[0] if isinstance(values, tuple) else values
    trained = tf.trainable_variables()
    gradients = [g for g in tf.gradients(tf.reduce_mean(values), trained) if g is not None]
    return [values.op, *[g.op for g in gradients]]


def measure(losses, batch_size, rounds):
    """Runs losses in turn.

    Args:
      losses: list of (function, dict of its arguments).
      batch_size: int, B.
      rounds: int.

    Returns:
      list of list of `rounds` float, seconds.
    """
    sessions = []
    for loss, arguments in losses:
        graph = tf.Graph()
        with graph.as_default():
            ops = build(loss, batch_size, **arguments)
            session = tf.Session()
            session.run(tf.global_variables_initializer())
        sessions.append((session, ops))
    seconds = [[] for _ in losses]
    for _ in range(rounds + 1):
        for own, (session, ops) in zip(seconds, sessions):
            start = time.perf_counter()
            session.run(ops)
            own.append(time.perf_counter() - start)
    return [own[1:] for own in seconds]  # the first round warms up


def compare_with_loop(batch_size=1024, rounds=5):
    """Times batch-hard and the loop over rows, list of turns.Row."""
    pair = [(batch_hard_by_row, {"margin": 0.2}), (batch_hard, {"margin": 0.2})]
    seconds = dict(zip(("by row", "batch-hard"), measure(pair, batch_size, rounds)))
    return [compare(seconds, *seconds, where=f"B = {batch_size}, D = {EMB_DIM}", least=20)]


def _with_arguments(mode, batch_size):
    config = resolve({"dataset": "cars", "train_mode": mode})
    return RANKING_LOSSES[mode], ranking_arguments(config, batch_size // IMAGES_PER_CLASS)


def memory_and_seconds(mode, batch_size, rounds):
    """GiB by which the process grows with the first run of a loss, and seconds of later runs."""
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.matmul(tf.ones([64, 64]), tf.ones([64, 64])))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = measure([_with_arguments(mode, batch_size)], batch_size, rounds)[0]
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20, seconds


def _print_each(modes, batch_size, rounds):
    processes = multiprocessing.get_context("spawn")
    print(f"B = {batch_size}, TensorFlow {TENSORFLOW_VERSION}")
    for mode in modes:
        with processes.Pool(1) as pool:
            grown, seconds = pool.apply(memory_and_seconds, (mode, batch_size, rounds))
        text = f"{1e3 * statistics.median(seconds):8.1f} ms ({1e3 * min(seconds):.1f} -"
        print(f"{mode:18} {text} {1e3 * max(seconds):.1f}), {grown:.2f} GiB")


def main():
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_size", type=int, default=1024, help="of batch-hard [default 1024]")
    parser.add_argument("--each", type=int, metavar="N", help="measure every loss at B = N")
    parser.add_argument("--modes", nargs="+", choices=TWO_HEAD_MODES, default=TWO_HEAD_MODES)
    parser.add_argument("--rounds", type=int, default=5, help="[default 5]")
    args = parser.parse_args()
    if args.each:
        _print_each(args.modes, args.each, args.rounds)
        return
    print(*lines_of(compare_with_loop(args.batch_size, args.rounds)), sep="\n")


if __name__ == "__main__":
    main()

"""Time of all retrieval metrics at the size of NABirds' test set, relative to matrix products.

python -m benchmarks.retrieval
"""

import argparse
import resource

import numpy as np

from benchmarks.turns import compare, lines_of, take_turns, timed
from evaluation import spaces
from evaluation.retrieval import retrieval_values


def measure(images=24633, turns=5):
    """Times the metrics and the products.

    Args:
      images: int, N.
      turns: int.

    Returns:
      list of turns.Row.
    """
    rng = np.random.RandomState(0)
    vectors = spaces.unit_rows(rng.randn(images, 256).astype(np.float32))
    labels = np.arange(images) % 555
    tasks = {
        "retrieval metrics": timed(retrieval_values, vectors, labels),
        "products": timed(_products, vectors),
    }
    seconds = take_turns(tasks, turns, warm_up=0)
    return [compare(seconds, *tasks, where=f"{images:,} x 256", most=1.5)]


def _products(vectors):
    for row in range(0, len(vectors), 256):
        vectors[row : row + 256] @ vectors.T


def main():
    """Reads the flags, measures and prints, with the memory of the process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=24633)
    parser.add_argument("--turns", type=int, default=5)
    print(*lines_of(measure(**vars(parser.parse_args()))), sep="\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of the process {peak:.2f} GiB")


if __name__ == "__main__":
    main()

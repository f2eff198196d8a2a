"""Time of all retrieval metrics at the size of NABirds' test set, relative to matrix products.

python -m benchmarks.retrieval
"""

import argparse
import resource
import statistics
import time

import numpy as np

from evaluation import spaces
from evaluation.retrieval import retrieval_values


def main():
    """Measures both in turn and prints the ratio and the memory."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=24633)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    rng = np.random.RandomState(0)
    vectors = spaces.unit_rows(rng.randn(args.images, 256).astype(np.float32))
    labels = np.arange(args.images) % 555
    ratios = []
    for _ in range(args.turns):
        start = time.perf_counter()
        for row in range(0, args.images, 256):
            vectors[row : row + 256] @ vectors.T
        products = time.perf_counter() - start
        start = time.perf_counter()
        retrieval_values(vectors, labels)
        whole = time.perf_counter() - start
        ratios.append(whole / products)
        print(f"retrieval {whole:.2f} s, products alone {products:.2f} s, ratio {ratios[-1]:.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})")
    print(f"peak memory of the process {peak:.2f} GiB")


if __name__ == "__main__":
    main()

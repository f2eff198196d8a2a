"""Queries of a gallery: the worst, random ones and the best."""

import numpy as np

RULES = {
    "worst": "fewest of the nearest images have their class",
    "random": "drawn at random with the run's seed",
    "best": "most of the nearest images have their class",
}


def choose(labels, nearest, seed, count):
    """Picks queries by how many of their nearest images have their class.

    Images without another of their class are not used as queries. Ties are broken at random.

    Args:
      labels: int [N].
      nearest: int [N, k], rows of the nearest images.
      seed: int.
      count: int, queries of each kind.

    Returns:
      dict from the kinds of `RULES` to int [<= count], rows.
    """
    can_hit = np.bincount(labels)[labels] > 1
    shuffled = np.random.RandomState(seed).permutation(np.flatnonzero(can_hit))
    hits = (labels[nearest[shuffled]] == labels[shuffled, np.newaxis]).sum(axis=1)
    order = shuffled[np.argsort(hits, kind="stable")]
    return {"worst": order[:count], "random": shuffled[:count], "best": order[::-1][:count]}

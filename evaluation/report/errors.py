"""Errors of the softmax: choosing those to explain, and the most likely classes."""

import numpy as np

TOP = 5


def choose(probabilities, labels, seed, count):
    """Picks errors: first the most confident ones, then as many random others.

    Args:
      probabilities: float [N, C], the softmax.
      labels: int [N].
      seed: int.
      count: int.

    Returns:
      int [<= count], rows.
    """
    wrong = np.flatnonzero(np.argmax(probabilities, axis=1) != labels)
    order = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]
    first, others = order[: count // 2], order[count // 2 :]
    drawn = np.random.RandomState(seed).permutation(others)[: count - len(first)]
    return np.concatenate([first, drawn])


def top(probabilities, count=TOP):
    """The most likely classes of one image.

    Args:
      probabilities: float [C].
      count: int.

    Returns:
      list of (class, probability), most likely first.
    """
    order = np.argsort(-probabilities, kind="stable")[:count]
    return [(int(label), float(probabilities[label])) for label in order]

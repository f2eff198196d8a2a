"""The predictions for an image."""

from typing import NamedTuple, Optional, Tuple

import numpy as np


class Neighbour(NamedTuple):
    """A gallery image near a query.

    Attributes:
      file: str, relative to the gallery's folder.
      path: str.
      name: str, its class.
      distance: float, Euclidean between unit vectors, so in [0, 2].
    """

    file: str
    path: str
    name: str
    distance: float


class Answer(NamedTuple):
    """The predictions for one image; an unreadable one has only `path` and `error`.

    Attributes:
      path: str, as it was given.
      error: str, why the image can't be read, or None.
      label: str, the class: softmax's, or the neighbours' if that is an enrolled class, unknown to
        the softmax.
      source: str, "softmax" or "neighbours", the origin of `label`.
      probability: float, softmax's for `label`, or the neighbours' share of the vote.
      top: tuple of (class, softmax probability), the five most likely or all, best first.
      neighbours: tuple of Neighbour, nearest first.
      neighbour_label: str, the class that wins the neighbours' vote, weighted by 1 / distance.
      agree: bool, softmax and neighbours give the same class; None if one of them can't answer.
      unknown: bool, the nearest neighbour is beyond the gallery's threshold; None without a
        threshold.
      embedding: float32 [D], unit norm; None for a run without that head.
      pooled: float32 [F], the classifier's input scaled to unit norm.
    """

    path: str
    error: Optional[str] = None
    label: Optional[str] = None
    source: Optional[str] = None
    probability: Optional[float] = None
    top: Tuple = ()
    neighbours: Tuple[Neighbour, ...] = ()
    neighbour_label: Optional[str] = None
    agree: Optional[bool] = None
    unknown: Optional[bool] = None
    embedding: Optional[np.ndarray] = None
    pooled: Optional[np.ndarray] = None


def vote(labels, distances):
    """The class chosen by the neighbours, each weighted by 1 / distance.

    Args:
      labels: int [k], nearest first.
      distances: float [k].

    Returns:
      int, the winner (the first one in a tie), and float, its share of the weights.
    """
    weights = 1.0 / (np.asarray(distances, np.float64) + 1e-6)
    totals = {}
    for label, weight in zip(labels, weights):
        totals[int(label)] = totals.get(int(label), 0.0) + weight
    winner = max(totals, key=totals.get)
    return winner, float(totals[winner] / weights.sum())

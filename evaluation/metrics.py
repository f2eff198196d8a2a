"""Metrics of a classifier and of a retrieval embedding, in NumPy.

Every metric in the table `METRICS` is scored, written and printed.
"""

import functools
from typing import Callable, NamedTuple

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

from evaluation.neighbours import majority

RECALL_AT = (1, 2, 4, 8, 16)


class Ranking(NamedTuple):
    """Queries whose class has another image, and their neighbours.

    Attributes:
      labels: int [Q].
      found: int [Q, k], labels of the nearest other images, nearest first; k is at least R.
      relevant: int [Q], R, the number of other images of the query's class, at least 1.
      num_voters: int, how many neighbours vote on a class.
    """

    labels: np.ndarray
    found: np.ndarray
    relevant: np.ndarray
    num_voters: int

    @property
    def hits(self):
        """Bool [Q, k], whether a found image has the query's class."""
        return self.found == self.labels[:, np.newaxis]

    @property
    def hits_within_r(self):
        """Bool [Q, k], `hits` restricted to the R nearest."""
        ranks = np.arange(1, self.found.shape[1] + 1)
        return self.hits & (ranks <= self.relevant[:, np.newaxis])


def accuracy(logits, labels):
    """Fraction of rows whose largest logit is the label's.

    Args:
      logits: float [N, C].
      labels: int [N].

    Returns:
      float in [0, 1].
    """
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def top_k_accuracy(logits, labels, k):
    """Fraction of rows whose label is among the `k` largest logits (all of them if C < k).

    A label that ties with other classes is ranked last among them.
    """
    own = logits[np.arange(len(labels)), labels][:, np.newaxis]
    return float(np.mean(np.sum(logits >= own, axis=1) <= k))


def mean_per_class_accuracy(logits, labels):
    """Accuracy of each class that occurs in `labels`, averaged over these classes."""
    correct = np.argmax(logits, axis=1) == labels
    counts = np.bincount(labels)
    hits = np.bincount(labels, weights=correct)
    return float(np.mean(hits[counts > 0] / counts[counts > 0]))


def confusion_matrix(logits, labels):
    """Counts of (true class, predicted class), int [C, C]."""
    num_classes = logits.shape[1]
    flat = labels.astype(np.int64) * num_classes + np.argmax(logits, axis=1)
    return np.bincount(flat, minlength=num_classes**2).reshape(num_classes, num_classes)


def recall_at(ranking, k):
    """Whether an image of the query's class is among the `k` nearest, float [Q]."""
    return ranking.hits[:, :k].any(axis=1).astype(float)


def r_precision(ranking):
    """Fraction of the R nearest that have the query's class, float [Q]."""
    return ranking.hits_within_r.sum(axis=1) / ranking.relevant


def map_at_r(ranking):
    """MAP@R (Musgrave et al., arXiv:2003.08505), float [Q].

    The sum of the precision at each hit among the R nearest, divided by R.
    """
    within = ranking.hits_within_r
    precision = np.cumsum(within, axis=1) / np.arange(1, within.shape[1] + 1)
    return np.sum(precision * within, axis=1) / ranking.relevant


def knn_accuracy(ranking):
    """Whether the majority of the voters has the query's class, float [Q]; ties by distance."""
    voted = majority(ranking.found[:, : ranking.num_voters])
    return (voted == ranking.labels).astype(float)


class Metric(NamedTuple):
    """One row of `METRICS`; all scores are fractions of 1.

    Attributes:
      kind: str, what the function takes and gives.
        "classifier": logits float [N, C], labels int [N] -> float.
        "retrieval": Ranking -> float [Q], to be averaged.
        "clustering": labels int [N], clusters int [N] -> float.
        "gallery": probabilities float [N, C] of the nearest training images, labels -> float.
      function: callable.
      title: str, for tables.
      in_training: bool, also scored by the evaluations during training, on the run's own embedding.
    """

    kind: str
    function: Callable
    title: str
    in_training: bool = False


METRICS = {
    "accuracy": Metric("classifier", accuracy, "accuracy", True),
    "top5_accuracy": Metric(
        "classifier", functools.partial(top_k_accuracy, k=5), "top-5 accuracy", True
    ),
    "mean_per_class_accuracy": Metric(
        "classifier", mean_per_class_accuracy, "mean accuracy per class", True
    ),
    **{
        f"recall@{k}": Metric("retrieval", functools.partial(recall_at, k=k), f"Recall@{k}", True)
        for k in RECALL_AT
    },
    "map@r": Metric("retrieval", map_at_r, "MAP@R", True),
    "r_precision": Metric("retrieval", r_precision, "R-precision"),
    "nmi": Metric("clustering", normalized_mutual_info_score, "NMI"),
    "ami": Metric("clustering", adjusted_mutual_info_score, "AMI"),
    "knn_accuracy": Metric("retrieval", knn_accuracy, "accuracy by neighbours"),
    "train_knn_accuracy": Metric("gallery", accuracy, "accuracy by training images"),
}


def names_of(*kinds, in_training=False):
    """Names of the metrics of some kinds (default all), in table order.

    Args:
      *kinds: str.
      in_training: bool, only metrics scored during training.

    Returns:
      tuple of str.
    """
    return tuple(
        name
        for name, row in METRICS.items()
        if (not kinds or row.kind in kinds) and (row.in_training or not in_training)
    )


def classifier_scores(logits, labels):
    """Dict from the name of a classifier's metric to float."""
    return {name: METRICS[name].function(logits, labels) for name in names_of("classifier")}


def num_neighbours(labels, num_voters=1):
    """How many neighbours of each row the retrieval metrics need."""
    wanted = max(RECALL_AT[-1], num_voters, np.bincount(labels).max() - 1)
    return int(min(wanted, len(labels) - 1))

"""The numbers in a report's tables and plots."""

import numpy as np

from evaluation.metrics import METRICS
from evaluation.spaces import SPACES

BINS = 15


def in_order(found, names):
    """A copy of a dict with the keys in `names` first, in their order."""
    known = [name for name in names if name in found]
    return {name: found[name] for name in [*known, *sorted(set(found) - set(known))]}


def title_of(name):
    """The title of a metric; its name if the table of metrics has none."""
    return METRICS[name].title if name in METRICS else name


def scores(metrics):
    """The main scores of an evaluation.

    Args:
      metrics: dict, the content of metrics.json.

    Returns:
      list of (title, value, low, high), the last two None without an interval.
    """
    intervals = metrics.get("intervals") or {}
    names = [name for name in METRICS if metrics.get(name) is not None]
    return [(title_of(n), metrics[n], *(intervals.get(n) or (None, None))) for n in names]


def spaces(metrics):
    """The scores of every space side by side.

    Args:
      metrics: dict, the content of metrics.json.

    Returns:
      list of str, the spaces; list of (title, list of float or None, in their order).
    """
    by_space = in_order(metrics.get("spaces") or {}, SPACES)
    names = {name: None for found in by_space.values() for name in found}
    names = in_order(names, METRICS)
    rows = [(title_of(n), [found.get(n) for found in by_space.values()]) for n in names]
    return list(by_space), rows


def confused_pairs(counts, limit):
    """The pairs of classes that are confused most often, in either direction.

    Args:
      counts: int [C, C], (true, predicted).
      limit: int.

    Returns:
      list of (class, other class, how often the first is mistaken for the second, how often the
      second for the first), most often confused first, each pair once.
    """
    both = np.triu(counts + counts.T, 1)
    order = np.argsort(-both, axis=None, kind="stable")[:limit]
    pairs = [tuple(int(i) for i in np.unravel_index(place, both.shape)) for place in order]
    return [(i, j, int(counts[i, j]), int(counts[j, i])) for i, j in pairs if both[i, j]]


def class_accuracies(predicted, labels, num_classes):
    """Accuracy of each class, float [C]; nan for one without an image."""
    sizes = np.bincount(labels, minlength=num_classes)
    hits = np.bincount(labels, weights=predicted == labels, minlength=num_classes)
    return np.where(sizes > 0, hits / np.maximum(sizes, 1), np.nan)


def with_temperature(probabilities, temperature):
    """Softmax of logits / temperature, from the softmax of the logits, float [N, C]."""
    powers = probabilities.astype(np.float64) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def reliability(confidences, correct, bins=BINS):
    """Mean confidence and accuracy over bins with equal numbers of images.

    Args:
      confidences: float [N].
      correct: bool [N].
      bins: int; bin sizes differ by at most one.

    Returns:
      float [B] ascending, mean confidences; float [B], accuracies; B <= `bins`.
    """
    order = np.argsort(confidences, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    means = [(np.mean(confidences[part]), np.mean(correct[part])) for part in parts]
    return np.transpose(means)


def pair_distances(vectors, labels):
    """Euclidean distances of all pairs.

    Args:
      vectors: float32 [S, D], rows of unit norm.
      labels: int [S].

    Returns:
      float [P] of the pairs of one class, float [M] of the others.
    """
    first, second = np.triu_indices(len(labels), 1)
    cosines = (vectors @ vectors.T)[first, second]
    distances = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    same = labels[first] == labels[second]
    return distances[same], distances[~same]

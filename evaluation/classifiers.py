"""Combines two classifiers of the same images: softmax and nearest training images."""

import numpy as np

from evaluation.metrics import accuracy

WEIGHTS = np.arange(21) / 20


def softmax(logits):
    """Probabilities of logits, float [N, C] -> float [N, C]."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def fuse(softmax_probabilities, neighbour_probabilities, weight):
    """(1 - weight) times the softmax's probabilities + weight times the neighbours', [N, C]."""
    return (1 - weight) * softmax_probabilities + weight * neighbour_probabilities


def choose_weight(softmax_probabilities, neighbour_probabilities, labels):
    """The weight among 0, 0.05, ..., 1 with the best accuracy; ties go to the one nearest 0.5.

    Args:
      softmax_probabilities: float [N, C].
      neighbour_probabilities: float [N, C].
      labels: int [N].

    Returns:
      float.
    """
    both = softmax_probabilities, neighbour_probabilities
    found = [(accuracy(fuse(*both, w), labels), -abs(w - 0.5), w) for w in WEIGHTS]
    return float(max(found)[2])


def compare(softmax_probabilities, neighbour_probabilities, labels):
    """How often the two classifiers agree, and which is right when they differ.

    Args:
      softmax_probabilities: float [N, C].
      neighbour_probabilities: float [N, C].
      labels: int [N].

    Returns:
      dict with `agreement`, a fraction of the images; `softmax_right_where_they_differ` and
      `neighbours_right_where_they_differ`, fractions of the images where they differ, else nan.
    """
    first, second = (np.argmax(p, axis=1) for p in (softmax_probabilities, neighbour_probabilities))
    differ = first != second
    rights = [
        float(np.mean((guess == labels)[differ])) if differ.any() else float("nan")
        for guess in (first, second)
    ]
    return {
        "agreement": float(np.mean(~differ)),
        "softmax_right_where_they_differ": rights[0],
        "neighbours_right_where_they_differ": rights[1],
    }

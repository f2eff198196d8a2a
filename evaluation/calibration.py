"""Calibration of the softmax, before and after temperature scaling."""

import numpy as np
from scipy.optimize import minimize_scalar

from evaluation.classifiers import softmax

BINS = 15
_LOG_LIMIT = 4.0


def expected_calibration_error(confidences, correct, bins=BINS):
    """Mean gap between confidence and accuracy over bins with equal numbers of images.

    Args:
      confidences: float [N], of the predicted class.
      correct: bool [N].
      bins: int; bin sizes differ by at most one, and ties keep list order.

    Returns:
      float in [0, 1].
    """
    order = np.argsort(confidences, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(p) * abs(np.mean(confidences[p]) - np.mean(correct[p])) for p in parts]
    return float(np.sum(gaps) / len(order))


def fit_temperature(logits, labels):
    """The temperature T that minimises the negative log-likelihood of softmax(logits / T).

    Args:
      logits: float [N, C].
      labels: int [N].

    Returns:
      float between exp(-4) and exp(4); the lower end if every image is right.
    """
    logits = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    own = logits[np.arange(len(labels)), labels]

    def loss(log_temperature):
        scale = np.exp(-log_temperature)
        return np.mean(np.log(np.exp(logits * scale).sum(axis=1)) - own * scale)

    found = minimize_scalar(loss, bounds=(-_LOG_LIMIT, _LOG_LIMIT), method="bounded")
    return float(np.exp(found.x))


def calibration(logits, labels, held_out=None):
    """The calibration of a split, with a temperature from held-out images if there are any.

    Args:
      logits: float [N, C].
      labels: int [N].
      held_out: (logits float [M, C], labels int [M]), or None.

    Returns:
      dict with `ece`, `temperature` and `ece_after`, the last two None without held-out images.
    """

    def error_at(temperature):
        probabilities = softmax(logits / temperature)
        correct = np.argmax(logits, axis=1) == labels
        return expected_calibration_error(probabilities.max(axis=1), correct)

    temperature = None if held_out is None else fit_temperature(*held_out)
    after = None if temperature is None else error_at(temperature)
    return {"ece": error_at(1.0), "temperature": temperature, "ece_after": after}

"""Selective prediction: error rates when the most doubtful images are rejected."""

import numpy as np
from scipy.stats import rankdata

from evaluation import bootstrap

POINTS = 20


def thresholds(doubt):
    """The images in the order in which they are answered, equal doubts together.

    Args:
      doubt: float [N].

    Returns:
      int [N], the order; int [T] ascending, the position in it of each threshold's last image.
    """
    order = np.argsort(doubt, kind="stable")
    return order, np.append(np.flatnonzero(np.diff(doubt[order])), len(order) - 1)


def risk_coverage(thresholds_of_doubt, errors, counts):
    """Error rates on the least doubtful images, for every threshold.

    Args:
      thresholds_of_doubt: the result of `thresholds`.
      errors: bool [N].
      counts: int [N], how often each image counts.

    Returns:
      float [T] ascending, the fractions answered; float [T], their error rates; float, the area
      under the curve: the error rate at each image's own threshold, averaged over the images.
    """
    order, ends = thresholds_of_doubt
    answered = np.cumsum(counts[order])[ends]
    wrong = np.cumsum((counts * errors)[order])[ends]
    sizes = np.diff(np.append(0, answered))
    answered, wrong, sizes = (values[sizes > 0] for values in (answered, wrong, sizes))
    risks = wrong / answered
    return answered / answered[-1], risks, float(np.sum(sizes * risks) / answered[-1])


def doubts(confidences, distances):
    """Scores for rejecting an image; larger means more doubtful.

    Args:
      confidences: float [N], the softmax's largest probability.
      distances: float [N], to the nearest training image.

    Returns:
      dict from "softmax", "distance" and "both", the mean of their ranks, to float [N].
    """
    both = (rankdata(-confidences) + rankdata(distances)) / 2
    return {"softmax": -confidences, "distance": distances, "both": both}


def selective(errors, agree, doubt_of, seed, resamples=bootstrap.RESAMPLES):
    """All results on selective prediction.

    Args:
      errors: bool [N], whether the softmax is wrong.
      agree: bool [N], whether the neighbours name the same class.
      doubt_of: dict from name to float [N], see `doubts`.
      seed: int, for the bootstrap.
      resamples: int.

    Returns:
      dict with `error_where_they_agree` and `error_where_they_differ`, nan if there is no such
      image; and `curves`, a dict from name to a dict of `coverage` and `risk` at the first
      thresholds that answer 5 %, 10 %, ..., 100 %, `area` and `area_interval`.
    """
    rates = [float(errors[m].mean()) if m.any() else float("nan") for m in (agree, ~agree)]
    found = {name: thresholds(doubt) for name, doubt in doubt_of.items()}
    once = np.ones(len(errors), int)
    curves = {name: _points(*risk_coverage(found[name], errors, once)) for name in found}
    areas = {name: [] for name in found}
    for counts in bootstrap.resample_counts(len(errors), seed, resamples):
        for name in found:
            areas[name].append(risk_coverage(found[name], errors, counts)[2])
    for name in found:
        curves[name]["area_interval"] = bootstrap.interval(areas[name])
    return {
        "error_where_they_agree": rates[0], "error_where_they_differ": rates[1], "curves": curves,
    }  # fmt: skip


def _points(coverage, risk, area):
    wanted = np.arange(1, POINTS + 1) / POINTS - 1e-9
    shown = np.unique(np.searchsorted(coverage, wanted))
    return {"coverage": coverage[shown].tolist(), "risk": risk[shown].tolist(), "area": area}

"""95 % intervals by resampling the images (Efron's percentile bootstrap)."""

import numpy as np

RESAMPLES = 1000
_PERCENTILES = (2.5, 97.5)


def resample_counts(size, seed, resamples=RESAMPLES):
    """Counts how often each image occurs in each resample.

    Args:
      size: int, N.
      seed: int.
      resamples: int.

    Yields:
      int [N], summing to N.
    """
    rng = np.random.RandomState(seed)
    for _ in range(resamples):
        yield np.bincount(rng.randint(0, size, size), minlength=size)


def interval(statistics):
    """The 2.5th and 97.5th percentiles, a list of 2 float, ignoring nan."""
    known = np.asarray(statistics)[~np.isnan(statistics)]
    if not len(known):
        return None
    return [float(value) for value in np.percentile(known, _PERCENTILES)]


def intervals_of_means(values, seed, resamples=RESAMPLES):
    """Intervals of means over images, all from the same resamples.

    Args:
      values: dict from name to float [N], nan for an image to ignore.
      seed: int.
      resamples: int.

    Returns:
      dict from name to [low, high], or None if all images are ignored.
    """
    table = np.stack([np.asarray(column, float) for column in values.values()], axis=1)
    known = ~np.isnan(table)
    table = np.where(known, table, 0.0)
    means = []
    with np.errstate(invalid="ignore"):
        for counts in resample_counts(len(table), seed, resamples):
            means.append((counts @ table) / (counts @ known))
    return dict(zip(values, map(interval, np.transpose(means))))

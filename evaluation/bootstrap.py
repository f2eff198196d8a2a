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


def interval_of_paired_gain(differences, seed=0, resamples=2 * RESAMPLES):
    """Interval of a mean difference between two methods, over seeds and images.

    Both are resampled with replacement: the seeds, for the chance in training, and the images, for
    the chance in the choice of the test list.

    Args:
      differences: float [S, N], of one method's score minus the other's, on the same seed and
        image; nan in the columns of images to ignore.
      seed: int.
      resamples: int.

    Returns:
      list of 2 float, the 2.5th and 97.5th percentiles; None without an image.
    """
    known = differences[:, ~np.isnan(differences).any(axis=0)]
    num_seeds, num_images = known.shape
    if not num_images:
        return None
    rng = np.random.RandomState(seed)
    of_seeds = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), resamples)
    counts = resample_counts(num_images, seed, resamples)
    means = [s @ known @ c / (num_seeds * num_images) for s, c in zip(of_seeds, counts)]
    return interval(means)


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

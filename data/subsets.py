"""Training lists made smaller: a long tail of class sizes, or a few images of each class."""

import numpy as np

from data.folders import SPLIT_SEED
from data.lists import ImageList
from utils.errors import UserError


def imbalance_of(image_list):
    """Float, the size of the largest class of a list divided by that of the smallest."""
    sizes = np.unique(image_list.labels, return_counts=True)[1]
    return float(sizes.max() / sizes.min())


def long_tail(image_list, ratio, seed=SPLIT_SEED):
    """Thins a list to a long tail (Cui et al., CVPR 2019, arXiv:1901.05555).

    With classes sorted by size, largest first, class i = 0 .. C - 1 keeps

        n_max * ratio^(-i / (C - 1))

    images, rounded, where n_max is the size of the largest. So the first keeps all its images,
    `ratio` times as many as the last.

    Args:
      image_list: ImageList, with images of each class.
      ratio: float >= 1.
      seed: int, for the order of classes of equal size and the choice of images.

    Returns:
      ImageList, in the same order.

    Raises:
      UserError: a class has too few images, or the last would keep none.
    """
    rng = np.random.RandomState(seed)
    sizes = np.bincount(image_list.labels)
    shuffled = rng.permutation(len(sizes))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    falls = np.arange(len(sizes)) / max(len(sizes) - 1, 1)
    _check_ratio(ratio, sizes[order], falls)
    kept = []
    for label, count in zip(order, np.rint(sizes.max() * ratio**-falls).astype(int)):
        kept += list(rng.permutation(np.flatnonzero(image_list.labels == label))[:count])
    return _only(image_list, kept)


def shots(image_list, number, seed):
    """Keeps a few random images of each class, which larger numbers keep too.

    Args:
      image_list: ImageList.
      number: int >= 1, images of each class; a class with fewer keeps all of them.
      seed: int, for the choice.

    Returns:
      ImageList, in the same order.
    """
    order = np.random.RandomState(seed).permutation(len(image_list.labels))
    labels = image_list.labels[order]
    return _only(image_list, [i for c in np.unique(labels) for i in order[labels == c][:number]])


def _only(image_list, rows):
    """The rows of an ImageList with these numbers, in its order."""
    rows = sorted(rows)
    files = [image_list.files[i] for i in rows]
    return ImageList(image_list.folder, files, image_list.labels[rows])


def _check_ratio(ratio, sizes, falls):
    """Refuses a ratio that is impossible for classes of these sizes, largest first."""
    most = int(sizes[0]) if len(sizes) > 1 else 1
    # Class i has enough images if n_max * ratio^-fall rounds to at most its size.
    least = max((sizes[0] / (sizes[1:] + 0.5)) ** (1 / falls[1:]), default=1.0)
    if least <= ratio <= most:
        return
    if least > most:
        can = "no ratio is possible; leave it out"
    else:
        lowest = f"ratios from {np.ceil(least * 100) / 100:g} to " if least > 1 else "ratios up to "
        can = f"{lowest}{most} are possible"
    raise UserError(
        f"--imbalance_ratio {ratio:g} is impossible for the training list, whose {len(sizes)}"
        f" classes have {sizes[-1]} to {sizes[0]} images: {can}"
    )

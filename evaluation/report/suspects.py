"""Labels that may be wrong: classifiers disagree, or a near-duplicate has another label.

The rule is confident learning (Northcutt et al., arXiv:1911.00068): a classifier assigns an image
to class j if p_j reaches the class's threshold, the mean p_j of the images labelled j; if several
classes qualify, to the most likely. A label is suspect if softmax and nearest training images both
assign its image to the same other class. The softmax has memorised the labels of the training list,
so only the neighbours, which never include the image itself, are used there.
"""

from typing import NamedTuple

import imagehash
import numpy as np

from evaluation.report.images import small_copy

# Near-duplicates: distance of unit vectors in the pooled space, differing bits of the 64-bit hash.
MOST_DISTANCE, MOST_BITS = 0.25, 6
_MOST_HASHED = 300
_PIXELS = 256


def thresholds(probabilities, labels):
    """Mean p_j of the images labelled j, float [C]; infinite for a class without an image."""
    num_classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    sizes = np.bincount(labels, minlength=num_classes)
    sums = np.bincount(labels, weights=own, minlength=num_classes)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)


def confident_class(probabilities, labels):
    """The class that a classifier assigns each image to, int [N]; -1 for none."""
    enough = probabilities >= thresholds(probabilities, labels)
    likeliest = np.argmax(np.where(enough, probabilities, -1), axis=1)
    return np.where(enough.any(axis=1), likeliest, -1)


def denied_labels(classifiers, labels):
    """Images that all classifiers assign to the same class, other than their label.

    Args:
      classifiers: list of float [N, C], the probabilities of each.
      labels: int [N].

    Returns:
      int [S], rows, sorted by how much more likely the other class is than the label in the mean
      of the classifiers, largest first; int [S], the other class; float [S], that difference.
    """
    counted = np.stack([confident_class(p, labels) for p in classifiers])
    others = counted[0]
    rows = np.flatnonzero((counted == others).all(axis=0) & (others >= 0) & (others != labels))
    mean = np.mean([p[rows] for p in classifiers], axis=0)
    places = np.arange(len(rows))
    margins = mean[places, others[rows]] - mean[places, labels[rows]]
    order = np.argsort(-margins, kind="stable")
    return rows[order], others[rows][order], margins[order]


class Duplicate(NamedTuple):
    """A scored image and a training image that look alike and have different labels.

    Attributes:
      row: int, of the scored image.
      train_row: int.
      distance: float, in the pooled space.
      bits: int, how many of the 64 bits of their perceptual hashes differ.
    """

    row: int
    train_row: int
    distance: float
    bits: int


def near_duplicates(paths, labels, train_paths, train_labels, found, max_megapixels):
    """Pairs across two lists that are close in the pooled space and look alike.

    Args:
      paths: list of N str.
      labels: int [N].
      train_paths: list of M str.
      train_labels: int [M].
      found: inputs.Found [N, k] among the training images, in the pooled space.
      max_megapixels: int, larger images are not decoded.

    Returns:
      list of Duplicate, the nearest first, of pairs with different labels. Unreadable images are
      skipped.
    """
    close = found.distances <= MOST_DISTANCE
    candidates = np.argwhere(close & (train_labels[found.rows] != labels[:, np.newaxis]))
    distances = found.distances[tuple(candidates.T)]
    pairs = []
    for place in np.argsort(distances, kind="stable")[:_MOST_HASHED]:
        row, rank = candidates[place]
        train_row = found.rows[row, rank]
        bits = _differing_bits(max_megapixels, paths[row], train_paths[train_row])
        if bits is not None and bits <= MOST_BITS:
            pairs.append(Duplicate(int(row), int(train_row), float(distances[place]), bits))
    return pairs


def _differing_bits(max_megapixels, *paths):
    pictures = [small_copy(path, max_megapixels, _PIXELS) for path in paths]
    if any(picture is None for picture in pictures):
        return None
    first, second = map(imagehash.phash, pictures)
    return int(first - second)

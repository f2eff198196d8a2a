"""The data shown in a report."""

from typing import NamedTuple, Optional

import numpy as np


class ImageSet(NamedTuple):
    """A list of images with the outputs of both classifiers.

    Attributes:
      files: list of N str, names shown on the page.
      paths: list of N str.
      labels: int [N].
      probabilities: float32 [N, C], the softmax; None for classes that training lacks.
      votes: float32 [N, C], class probabilities of the nearest training images; None likewise.
    """

    files: list
    paths: list
    labels: np.ndarray
    probabilities: Optional[np.ndarray]
    votes: Optional[np.ndarray]


class Found(NamedTuple):
    """Neighbours, nearest first.

    Attributes:
      distances: float [Q, k], Euclidean.
      rows: int [Q, k].
    """

    distances: np.ndarray
    rows: np.ndarray


class Sample(NamedTuple):
    """A random part of a space.

    Attributes:
      vectors: float32 [S, D], rows of unit norm.
      labels: int [S].
    """

    vectors: np.ndarray
    labels: np.ndarray


class Inputs(NamedTuple):
    """Everything that a page shows.

    Attributes:
      title: str.
      settings: dict from name to str, settings of the run to show.
      metrics: dict, the content of metrics.json.
      class_names: list of C str.
      own: str, the space of the galleries.
      scored: ImageSet, the images evaluated.
      train: ImageSet, the training images; None if they have none of the scored classes, which
        leaves out all that is about both classifiers.
      nearest: Found among the scored images in the space `own`, each image itself left out.
      errors: int [E], the scored images to explain; None without classifiers.
      near_errors: dict from space to Found [E, k] among the training images.
      explanation: attention.Explanation of the errors, or None.
      duplicates: list of suspects.Duplicate.
      samples: dict from space to Sample.
      history: list of dict of str, the rows of metrics.csv.
      advice: list of str.
      seed: int, for random choices.
      max_megapixels: int, larger photos are not shown.
    """

    title: str
    settings: dict
    metrics: dict
    class_names: list
    own: str
    scored: ImageSet
    train: Optional[ImageSet]
    nearest: Found
    errors: Optional[np.ndarray]
    near_errors: dict
    explanation: Optional[tuple]
    duplicates: list
    samples: dict
    history: list
    advice: list
    seed: int
    max_megapixels: int

"""The score of every test image in a run, for intervals over images."""

import os

import numpy as np

from evaluation import metrics, outputs, retrieval
from evaluation.spaces import vectors_of


def values_of(folder, own, names):
    """Splits the scores of an evaluation into those of its images.

    Args:
      folder: str, the evaluation's.
      own: str, the space of scores without one in their name.
      names: sequence of str, metrics, such as accuracy or pooled/recall@1.

    Returns:
      dict from metric to float [N], whose mean over the images is the score; nan for an image
      without one. It lacks metrics that are not such a mean, and is empty without stored outputs.
    """
    arrays = outputs.read(os.path.join(folder, outputs.FILE))
    if arrays is None:
        return {}
    found = {name: _values(arrays, own, name) for name in names}
    return {name: values for name, values in found.items() if values is not None}


def _values(arrays, own, metric):
    space, _, name = metric.rpartition("/")
    labels = arrays["labels"]
    if name in metrics.names_of("retrieval"):
        vectors = vectors_of(arrays, space or own)
        return retrieval.retrieval_values(vectors, labels, names=(name,))[0][name]
    if name not in ("accuracy", "mean_per_class_accuracy") or "logits" not in arrays:
        return None
    correct = np.argmax(arrays["logits"], axis=1) == labels
    if name == "accuracy":
        return correct.astype(float)
    counts = np.bincount(labels)
    return correct * len(labels) / (np.count_nonzero(counts) * counts[labels])

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
    of_classifier = _classified(arrays) if "logits" in arrays else {}
    found = {name: of_classifier[name] for name in names if name in of_classifier}
    by_space = {}
    for metric in names:
        space, _, name = metric.rpartition("/")
        if name in metrics.names_of("retrieval"):
            by_space.setdefault(space or own, {})[metric] = name
    for space, named in by_space.items():
        vectors = vectors_of(arrays, space)
        values, _ = retrieval.retrieval_values(vectors, arrays["labels"], names=set(named.values()))
        found.update({metric: values[name] for metric, name in named.items()})
    return found


def _classified(arrays):
    labels = arrays["labels"]
    correct = np.argmax(arrays["logits"], axis=1) == labels
    counts = np.bincount(labels)
    share = len(labels) / (np.count_nonzero(counts) * counts[labels])
    return {"accuracy": correct.astype(float), "mean_per_class_accuracy": correct * share}

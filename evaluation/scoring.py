"""Scores the network's outputs: every space, both classifiers, calibration, rejection."""

import json
from typing import NamedTuple

import numpy as np

from evaluation import bootstrap, calibration, classifiers, metrics, neighbours, retrieval, unknown
from evaluation import selective as selective_prediction
from evaluation.spaces import vectors_of

NUM_NEIGHBOURS = 5


class Outputs(NamedTuple):
    """The network's outputs for the images of a list.

    Attributes:
      arrays: mapping with `labels` int32 [N], `logits` float32 [N, C], `pooled` float32 [N, F] and
        `embeddings` float32 [N, D] with rows of unit norm.
      rows_in_training: int64 [N], an image's own row in the training list, or -1; no image may be
        its own neighbour.
    """

    arrays: dict
    rows_in_training: np.ndarray


class HeldOut(NamedTuple):
    """Images neither trained on nor scored, used for tuning."""

    split: str
    outputs: Outputs


def in_training(arrays, vectors):
    """The scores of the evaluations during training, which must be fast.

    Args:
      arrays: dict with `labels` int32 [N] and, unless the classes are unseen, `logits` float32
        [N, C].
      vectors: float32 [N, D], compared in retrieval.

    Returns:
      dict from name to float, all fractions of 1; nan for retrieval if no class has two images. It
      has no classifier's metric without logits.
    """
    names = metrics.names_of("retrieval", in_training=True)
    values, _ = retrieval.retrieval_values(vectors, arrays["labels"], names=names)
    scores = {name: retrieval.mean_of(column) for name, column in values.items()}
    if "logits" in arrays:
        scores.update(metrics.classifier_scores(arrays["logits"], arrays["labels"]))
    return {name: scores[name] for name in metrics.names_of(in_training=True) if name in scores}


def score(scored, train, held_out, space_names, own, num_neighbours=NUM_NEIGHBOURS, seed=0):
    """Scores a split.

    Args:
      scored: Outputs.
      train: dict of arrays, the outputs for the training list, as in `Outputs.arrays`.
      held_out: HeldOut or None.
      space_names: tuple of str from `spaces.SPACES`.
      own: str, one of them: the space of the main scores and of the neighbours compared with the
        softmax.
      num_neighbours: int, how many of them vote on a class.
      seed: int, for k-means and the bootstrap.

    Returns:
      dict, the scores of metrics.json, with None for undefined scores; and int64 [N, k],
      the nearest other images in the space `own`.
    """
    labels, logits = scored.arrays["labels"], scored.arrays["logits"]
    by_space, values, nearest, votes = {}, {}, {}, {}
    for name in space_names:
        vectors = vectors_of(scored.arrays, name)
        votes[name] = _Votes(train, name, num_neighbours, logits.shape[1])
        found, values[name], nearest[name] = _search(vectors, labels, num_neighbours, seed)
        probabilities, distances = votes[name].of(scored)
        for key in metrics.names_of("gallery"):
            found[key] = metrics.METRICS[key].function(probabilities, labels)
        by_space[name] = {key: found[key] for key in metrics.METRICS if key in found}
        if name == own:
            own_probabilities, own_distances = probabilities, distances
    pair = classifiers.softmax(logits), own_probabilities
    heads, fused = _heads(pair, labels, held_out, votes[own])
    report = {
        **metrics.classifier_scores(logits, labels),
        **by_space[own],
        "spaces": by_space,
        "heads": dict(heads, num_neighbours=num_neighbours),
        "calibration": _calibration(logits, labels, held_out),
        "selective": _selective(pair, own_distances, labels, seed),
        "unknown": {name: _unknown(scored, train, name, seed) for name in space_names},
        "intervals": _intervals(pair, fused, values[own], labels, seed),
    }
    return _without_nan(report), nearest[own]


def score_unseen(arrays, space_names, own, num_neighbours=NUM_NEIGHBOURS, seed=0):
    """Scores a split of classes that training lacks: retrieval, clustering and neighbours.

    Args:
      arrays: mapping with `labels` int32 [N], `pooled` float32 [N, F] and `embeddings` float32
        [N, D] with rows of unit norm.
      space_names: tuple of str from `spaces.SPACES`.
      own: str, one of them: the space of the main scores.
      num_neighbours: int, how many of them vote on a class.
      seed: int, for k-means and the bootstrap.

    Returns:
      As `score`, without what needs a class that both lists have.
    """
    labels = arrays["labels"]
    found = {
        name: _search(vectors_of(arrays, name), labels, num_neighbours, seed)
        for name in space_names
    }
    report = {
        **found[own][0],
        "spaces": {name: scores for name, (scores, _, _) in found.items()},
        "num_neighbours": num_neighbours,
        "intervals": bootstrap.intervals_of_means(found[own][1], seed),
    }
    return _without_nan(report), found[own][2]


def _search(vectors, labels, num_neighbours, seed):
    """The scores of a space that need only its own vectors, and `retrieval_values`."""
    values, nearest = retrieval.retrieval_values(vectors, labels, num_neighbours)
    scores = {name: retrieval.mean_of(column) for name, column in values.items()}
    scores.update(retrieval.clustering_scores(vectors, labels, seed))
    return scores, values, nearest


class _Votes:
    """A classifier by the nearest training images in one space."""

    def __init__(self, train, space, num_neighbours, num_classes):
        self._index = neighbours.Index(vectors_of(train, space))
        self._labels, self._space = train["labels"], space
        self._num_neighbours, self._num_classes = num_neighbours, num_classes

    def of(self, outputs):
        """Class probabilities float32 [N, C] and the nearest one's distance float32 [N]."""
        vectors = vectors_of(outputs.arrays, self._space)
        squared, rows = self._index.search(vectors, self._num_neighbours, outputs.rows_in_training)
        probabilities = neighbours.class_probabilities(
            self._labels[rows], squared, self._num_classes
        )
        nearest = np.sqrt(squared[:, 0]) if squared.shape[1] else np.zeros(len(vectors))
        return probabilities, nearest


def _heads(pair, labels, held_out, votes):
    """Scores comparing the two classifiers, and the probabilities of their fusion, [N, C]."""
    weight, chosen_on = 0.5, None
    if held_out is not None:
        arrays = held_out.outputs.arrays
        probabilities = classifiers.softmax(arrays["logits"]), votes.of(held_out.outputs)[0]
        weight = classifiers.choose_weight(*probabilities, arrays["labels"])
        chosen_on = held_out.split
    fused = classifiers.fuse(*pair, weight)
    found = {
        **classifiers.compare(*pair, labels),
        "fusion_accuracy": metrics.accuracy(fused, labels),
        "fusion_weight": weight,
        "fusion_weight_chosen_on": chosen_on,
    }
    return found, fused


def _calibration(logits, labels, held_out):
    arrays = held_out and held_out.outputs.arrays
    known = arrays and (arrays["logits"], arrays["labels"])
    found = calibration.calibration(logits, labels, known)
    return dict(found, temperature_chosen_on=held_out and held_out.split)


def _selective(pair, distances, labels, seed):
    guesses = [np.argmax(probabilities, axis=1) for probabilities in pair]
    doubt_of = selective_prediction.doubts(pair[0].max(axis=1), distances)
    return selective_prediction.selective(
        guesses[0] != labels, guesses[0] == guesses[1], doubt_of, seed
    )


def _unknown(scored, train, space, seed):
    """How well classes that the training images lack are noticed by distance; None for a mixture.

    The scored list has to be apart from the training list, or that list itself.
    """
    rows, labels = scored.rows_in_training, scored.arrays["labels"]
    is_training_list = np.array_equal(rows, np.arange(len(train["labels"])))
    if np.any(rows >= 0) and not is_training_list:
        return None
    queries, gallery = vectors_of(scored.arrays, space), vectors_of(train, space)
    num_classes = scored.arrays["logits"].shape[1]
    distances = unknown.distances_to_classes(
        queries, gallery, train["labels"], num_classes, is_training_list
    )
    return unknown.mean_held_out_scores(distances, labels, seed)


def _intervals(pair, fused, retrieval_values, labels, seed):
    """95 % intervals of the scores that are means over the images."""
    named = {"accuracy": pair[0], "train_knn_accuracy": pair[1], "fusion_accuracy": fused}
    values = {name: np.argmax(p, axis=1) == labels for name, p in named.items()}
    return bootstrap.intervals_of_means({**values, **retrieval_values}, seed)


def _without_nan(report):
    """Replaces every nan, which JSON lacks, by None."""
    return json.loads(json.dumps(report), parse_constant=lambda word: None)

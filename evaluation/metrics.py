"""Metrics of a classifier and of a retrieval embedding: NumPy in, numbers out.

Retrieval takes one set as queries and gallery at once, without the query itself, by Euclidean
distance. It is exact and works through the queries in chunks of bounded memory.
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

RECALL_AT = (1, 2, 4, 8, 16)
_CHUNK_SIZE = 256
_BLOCK_SIZE = 16


def accuracy(logits, labels):
    """Share of rows whose largest logit is the label's.

    Args:
      logits: float [N, C].
      labels: int [N].

    Returns:
      float in [0, 1].
    """
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def top_k_accuracy(logits, labels, k):
    """Share of rows whose label is among the `k` largest logits (all of them where C < k).

    A label that ties with others counts as found only if it is among the first `k` in any order
    of the tied ones that puts it last.
    """
    own = logits[np.arange(len(labels)), labels][:, np.newaxis]
    return float(np.mean(np.sum(logits >= own, axis=1) <= k))


def mean_per_class_accuracy(logits, labels):
    """Accuracy of each class that occurs in `labels`, averaged over these classes."""
    correct = np.argmax(logits, axis=1) == labels
    counts = np.bincount(labels)
    hits = np.bincount(labels, weights=correct)
    return float(np.mean(hits[counts > 0] / counts[counts > 0]))


def confusion_matrix(logits, labels):
    """Counts of (true class, predicted class), int [C, C]."""
    num_classes = logits.shape[1]
    flat = labels.astype(np.int64) * num_classes + np.argmax(logits, axis=1)
    return np.bincount(flat, minlength=num_classes**2).reshape(num_classes, num_classes)


def nearest_neighbours(vectors, k):
    """The `k` nearest other rows of each row, nearest first; among equals the earlier row first.

    Args:
      vectors: float32 [N, D].
      k: int, at most N - 1.

    Returns:
      int64 [N, k].
    """
    vectors = np.ascontiguousarray(vectors, np.float32)
    num_vectors = len(vectors)
    neighbours = np.empty((num_vectors, k), np.int64)
    # One product gives |q|^2 + |g|^2 - 2 q g, the norms riding along as two more dimensions. A
    # thousandth of |q|^2 is added to a whole row, which leaves its order and keeps it positive.
    norms = np.einsum("nd,nd->n", vectors, vectors)[:, np.newaxis]
    ones = np.ones_like(norms)
    gallery = np.hstack([vectors, norms, ones])
    gallery = np.pad(gallery, ((0, -num_vectors % _BLOCK_SIZE), (0, 0)), "constant")
    for start in range(0, num_vectors, _CHUNK_SIZE):
        rows = slice(start, min(start + _CHUNK_SIZE, num_vectors))
        queries = np.hstack([-2.0 * vectors[rows], ones[rows], 1.001 * norms[rows]])
        distances = queries @ gallery.T
        distances[:, num_vectors:] = np.inf
        distances[np.arange(len(queries)), np.arange(num_vectors)[rows]] = np.inf
        neighbours[rows] = _smallest(distances, k)
    return neighbours


def _smallest(distances, k):
    """Columns of the `k` smallest values of each row, smallest first, ties in column order.

    The k smallest lie in the k blocks with the smallest minima, so that one pass over the minima
    leaves only a small part of each row to be sorted.

    Args:
      distances: float32 [Q, N], not negative, N a multiple of the block size.
      k: int.

    Returns:
      int64 [Q, k].
    """
    # Floats that are not negative are in the order of their bits, and integers compare faster.
    values = distances.view(np.int32)
    num_blocks = values.shape[1] // _BLOCK_SIZE
    columns = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    if num_blocks > k:
        minima = values.reshape(len(values), _BLOCK_SIZE, num_blocks).min(axis=1)
        best = np.argpartition(minima, k - 1, axis=1)[:, :k]
        columns = best[:, np.newaxis] + np.arange(_BLOCK_SIZE)[:, np.newaxis] * num_blocks
        columns = columns.reshape(len(values), -1)
        values = np.take_along_axis(values, columns, axis=1)
    chosen = np.argpartition(values, k - 1, axis=1)[:, :k]
    values, columns = (np.take_along_axis(a, chosen, axis=1) for a in (values, columns))
    order = np.lexsort((columns, values), axis=1)
    return np.take_along_axis(columns, order, axis=1)


def retrieval(vectors, labels, neighbours=None):
    """Recall@1, 2, 4, 8, 16 and MAP@R (Musgrave et al., arXiv:2003.08505).

    Recall@K is the share of queries with an image of their class among the K nearest. MAP@R looks
    at the R nearest, R being the number of other images of the query's class: the precision at
    each rank that holds one of them, summed and divided by R.

    Args:
      vectors: float32 [N, D].
      labels: int [N].
      neighbours: int64 [N, k], of `nearest_neighbours`, with k at least `num_neighbours(labels)`.

    Returns:
      dict from "recall@K" and "map@r" to float in [0, 1]. A query whose class has no other image
      can't be answered and is left out; nan where none can.
    """
    if neighbours is None:
        neighbours = nearest_neighbours(vectors, num_neighbours(labels))
    others = np.bincount(labels)[labels] - 1
    asked = others > 0
    hits = labels[neighbours[asked]] == labels[asked][:, np.newaxis]
    found = {f"recall@{k}": _mean(hits[:, :k].any(axis=1)) for k in RECALL_AT}
    ranks = np.arange(1, hits.shape[1] + 1)
    within = hits & (ranks <= others[asked][:, np.newaxis])
    precision = np.cumsum(within, axis=1) / ranks
    found["map@r"] = _mean(np.sum(precision * within, axis=1) / others[asked])
    return found


def num_neighbours(labels):
    """How many neighbours `retrieval` needs of each row."""
    return int(min(max(RECALL_AT[-1], np.bincount(labels).max() - 1), len(labels) - 1))


def _mean(values):
    return float(np.mean(values)) if len(values) else float("nan")


def clustering_nmi(vectors, labels, seed=0):
    """Normalised mutual information of the labels and of k-means with one cluster a class.

    Args:
      vectors: float32 [N, D].
      labels: int [N].
      seed: int, of the one k-means++ start.

    Returns:
      float in [0, 1], normalised by the arithmetic mean of the entropies.
    """
    clusters = KMeans(len(np.unique(labels)), n_init=1, random_state=seed).fit_predict(vectors)
    return float(normalized_mutual_info_score(labels, clusters))

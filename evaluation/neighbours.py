"""Exact nearest-neighbour search, and classification by the neighbours' labels."""

import numpy as np

TEMPERATURE = 0.07


class Index:
    """Vectors for exact search by Euclidean distance.

    Rows at equal distance come in row order; faiss decides which of several rows tied for the last
    place are found. Distances are sums of float32 products, so for nearly equal rows they differ
    from 0 by about 1e-7 of the squared norm.
    """

    def __init__(self, vectors):
        """Takes the vectors, finite float32 [N, D]."""
        # Imported late: training and reading metrics don't need it.
        import faiss

        self._index = faiss.IndexFlatL2(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors, np.float32))

    def search(self, queries, k, own=None):
        """The `k` nearest rows of each query, nearest first.

        Args:
          queries: float32 [Q, D].
          k: int; fewer are found if there are fewer.
          own: int [Q], the query's own row, which is left out; -1 for none.

        Returns:
          float32 [Q, k], squared distances; int64 [Q, k], rows.
        """
        size = self._index.ntotal
        if own is None:
            own = np.full(len(queries), -1)
        spare = int(np.any(np.asarray(own) >= 0))
        k = min(k, size - spare)
        if k < 1:
            return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
        distances, rows = self._index.search(np.ascontiguousarray(queries, np.float32), k + spare)
        tied = np.flatnonzero((distances[:, 1:] == distances[:, :-1]).any(axis=1))
        order = np.lexsort((rows[tied], distances[tied]), axis=1)
        for found in (distances, rows):
            found[tied] = np.take_along_axis(found[tied], order, axis=1)
        if not spare:
            return distances, rows
        # Leaves out the own row, or the last one if that was not found.
        is_own = rows == np.asarray(own)[:, np.newaxis]
        skipped = np.where(is_own.any(axis=1), is_own.argmax(axis=1), k)[:, np.newaxis]
        order = np.arange(k) + (np.arange(k) >= skipped)
        return np.take_along_axis(distances, order, axis=1), np.take_along_axis(rows, order, axis=1)


def majority(found):
    """The most frequent label of each row; of equally frequent ones, the first.

    Args:
      found: int [Q, k], labels of the neighbours, nearest first.

    Returns:
      int [Q].
    """
    counts = np.stack([np.sum(found == column[:, np.newaxis], axis=1) for column in found.T], 1)
    first = np.argmax(counts, axis=1)
    return found[np.arange(len(found)), first]


def class_probabilities(found, squared_distances, num_classes):
    """Class probabilities from the neighbours (Wu et al., arXiv:1805.01978).

        p_c = sum over neighbours i of class c of exp(s_i / 0.07), scaled to sum 1,

    with the cosine similarity s = 1 - squared distance / 2 of vectors of unit norm.

    Args:
      found: int [Q, k], labels of the neighbours.
      squared_distances: float [Q, k].
      num_classes: int, C.

    Returns:
      float32 [Q, C]; 1 / C everywhere if there is no neighbour.
    """
    if not found.shape[1]:
        return np.full((len(found), num_classes), 1 / num_classes, np.float32)
    nearer = squared_distances.min(axis=1, keepdims=True) - squared_distances
    votes = np.exp(nearer / (2 * TEMPERATURE))
    probabilities = np.zeros((len(found), num_classes), np.float32)
    np.add.at(probabilities, (np.arange(len(found))[:, np.newaxis], found), votes)
    return probabilities / probabilities.sum(axis=1, keepdims=True)

"""Nearest neighbours by Euclidean distance: exact in bounded memory, or with faiss."""

import importlib

import numpy as np

from utils.errors import UserError

DEFAULT_NEIGHBOURS = 10
# Elements of the largest array that a search creates, 64 MiB of float32.
_CHUNK_NUMBERS = 2**24
# With fewer vectors than this faiss also searches exactly, which is faster than building cells.
_LARGE_GALLERY = 10000
_SAMPLE = 256


def exact(queries, vectors, k):
    """The `k` nearest vectors of each query, nearest first; ties in row order.

    Args:
      queries: float32 [Q, D].
      vectors: float32 [N, D].
      k: int, at most N.

    Returns:
      float32 [Q, k], Euclidean distances, and int64 [Q, k], rows of `vectors`.
    """
    num_candidates = _num_candidates(k, len(vectors))
    norms = np.einsum("nd,nd->n", vectors, vectors)
    distances, rows = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    for chunk in _chunks(len(queries), max(len(vectors), num_candidates * vectors.shape[1])):
        ranks = norms - 2.0 * (queries[chunk] @ vectors.T)
        nearest = np.argpartition(ranks, num_candidates - 1, axis=1)[:, :num_candidates]
        distances[chunk], rows[chunk] = _measured(queries[chunk], vectors, nearest, k)
    return distances, rows


def _num_candidates(k, num_vectors):
    """How many candidates to measure exactly, as |g|^2 - 2 q g ranks with rounding errors."""
    return min(num_vectors, 2 * k + 16)


def exact_others(vectors, k):
    """`exact` of each vector among the others.

    Args:
      vectors: float32 [N, D].
      k: int, at most N - 1.

    Returns:
      float32 [N, k] and int64 [N, k].
    """
    distances, rows = exact(vectors, vectors, k + 1)
    own = rows == np.arange(len(vectors))[:, np.newaxis]
    own[~own.any(axis=1), -1] = True  # if more than k duplicates of it come first
    return tuple(array[~own].reshape(-1, k) for array in (distances, rows))


def _chunks(num_queries, numbers_a_query):
    size = max(1, _CHUNK_NUMBERS // numbers_a_query)
    return [slice(start, start + size) for start in range(0, num_queries, size)]


def _measured(queries, vectors, candidates, k):
    """The `k` nearest of the candidates int64 [Q, M], with their distances."""
    differences = queries[:, np.newaxis] - vectors[candidates]
    distances = np.sqrt(np.einsum("qmd,qmd->qm", differences, differences))
    order = np.lexsort((candidates, distances), axis=1)[:, :k]
    return tuple(np.take_along_axis(array, order, axis=1) for array in (distances, candidates))


class FaissSearch:
    """Searches with faiss; approximately, in cells of the space, where the gallery is large.

    Attributes:
      recall: float, the fraction of the exact neighbours that it finds, on a sample of the gallery.
    """

    def __init__(self, vectors, k, large=_LARGE_GALLERY):
        """Takes vectors float32 [N, D], the number of neighbours, and the size of a large gallery.

        Raises:
          UserError: faiss is not installed.
        """
        try:
            faiss = importlib.import_module("faiss")
        except ImportError:
            raise UserError("--faiss: faiss is not installed; pip install faiss-cpu") from None
        self._vectors = np.ascontiguousarray(vectors, np.float32)
        self._index = faiss.IndexFlatL2(vectors.shape[1])
        if len(vectors) >= large:
            num_cells = int(2 * np.sqrt(len(vectors)))
            self._index = faiss.IndexIVFFlat(self._index, vectors.shape[1], num_cells)
            self._index.train(self._vectors)
            self._index.nprobe = max(8, num_cells // 8)
        self._index.add(self._vectors)
        self.recall = self._measure_recall(k)

    def _measure_recall(self, k):
        """Recall for a sample of the gallery, each image itself left out."""
        sample = np.random.RandomState(0).permutation(len(self._vectors))[:_SAMPLE]
        depth = min(k + 1, len(self._vectors))
        queries = self._vectors[sample]
        found, right = self(queries, depth)[1], exact(queries, self._vectors, depth)[1]
        shares = []
        for own, found_row, right_row in zip(sample, found, right):
            others = np.setdiff1d(right_row, [own])
            shares.append(np.isin(others, found_row).mean() if len(others) else 1.0)
        return float(np.mean(shares))

    def __call__(self, queries, k):
        """Like `exact`, but approximate; queries with fewer than k results are searched exactly."""
        depth = _num_candidates(k, len(self._vectors))
        candidates = self._index.search(np.ascontiguousarray(queries, np.float32), depth)[1]
        few = (candidates < 0).any(axis=1)
        if few.any():
            candidates[few] = exact(queries[few], self._vectors, depth)[1]
        distances, rows = np.empty([len(queries), k], np.float32), candidates[:, :k].copy()
        for chunk in _chunks(len(queries), depth * self._vectors.shape[1]):
            measured = _measured(queries[chunk], self._vectors, candidates[chunk], k)
            distances[chunk], rows[chunk] = measured
        return distances, rows

import sys

import numpy as np
import pytest

from evaluation.spaces import unit_rows
from inference import search
from utils.errors import UserError


def by_loops(queries, vectors, k):
    found = []
    for query in queries:
        pairs = []
        for row, vector in enumerate(vectors):
            squares = [(float(a) - float(b)) ** 2 for a, b in zip(query, vector)]
            pairs.append((sum(squares) ** 0.5, row))
        found.append(sorted(pairs)[:k])
    return found


def random_rows(count, size, seed):
    return unit_rows(np.random.RandomState(seed).randn(count, size).astype(np.float32))


@pytest.mark.parametrize("count, k, chunk", [(50, 1, 2**24), (50, 7, 130), (50, 50, 1), (1, 1, 64)])
def test_exact_search_is_what_loops_find(monkeypatch, count, k, chunk):
    monkeypatch.setattr(search, "_CHUNK_NUMBERS", chunk)
    queries, vectors = random_rows(9, 5, seed=1), random_rows(count, 5, seed=2)
    distances, rows = search.exact(queries, vectors, k)
    assert distances.dtype == np.float32 and rows.dtype == np.int64
    for query, expected in enumerate(by_loops(queries, vectors, k)):
        assert rows[query].tolist() == [row for _, row in expected]
        np.testing.assert_allclose(distances[query], [d for d, _ in expected], atol=1e-6)


def test_equal_vectors_come_in_their_order_and_at_distance_0():
    vectors = random_rows(6, 4, seed=3)[[0, 1, 2, 0, 4, 0]]
    distances, rows = search.exact(vectors[:1], vectors, 3)
    assert rows.tolist() == [[0, 3, 5]] and distances.tolist() == [[0.0, 0.0, 0.0]]


def test_small_distances_are_not_lost_in_rounding():
    vectors = np.array([[1, 0, 0], [1, 1e-5, 0], [1, 0, 2e-5], [0, 1, 0]], np.float32)
    distances, rows = search.exact(vectors[:1], vectors, 4)
    assert rows.tolist() == [[0, 1, 2, 3]]
    np.testing.assert_allclose(distances[0, :3], [0, 1e-5, 2e-5], rtol=1e-4)


def test_the_others_leave_each_vector_itself_out():
    vectors = random_rows(30, 4, seed=4)
    vectors[3] = vectors[20]
    distances, rows = search.exact_others(vectors, 2)
    for own in range(30):
        expected = [pair for pair in by_loops(vectors[own : own + 1], vectors, 30)[0]]
        expected = [row for _, row in expected if row != own][:2]
        assert rows[own].tolist() == expected
    assert distances[3, 0] == distances[20, 0] == 0
    same = np.ones([5, 2], np.float32)
    distances, rows = search.exact_others(same, 1)
    assert distances.tolist() == [[0.0]] * 5


@pytest.mark.parametrize("large", [10, 10**6])
def test_faiss_finds_what_exact_search_finds(large):
    pytest.importorskip("faiss")
    vectors, queries = random_rows(900, 6, seed=5), random_rows(20, 6, seed=6)
    find = search.FaissSearch(vectors, 5, large)
    distances, rows = find(queries, 5)
    expected_distances, expected = search.exact(queries, vectors, 5)
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(expected, rows)])
    assert recall > 0.8 and (recall == 1) == (large > 900)
    assert find.recall > 0.8 and (find.recall == 1) == (large > 900)
    same = rows == expected
    np.testing.assert_allclose(distances[same], expected_distances[same], atol=1e-6)
    all_of_them = find(queries[:2], 900)[1]  # more than the searched cells hold
    assert sorted(all_of_them[0].tolist()) == list(range(900))


def test_faiss_is_missed_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match="pip install faiss-cpu"):
        search.FaissSearch(random_rows(3, 2, seed=7), 1)

import collections
import math
import subprocess
import sys

import numpy as np
import pytest

from evaluation import neighbours
from tests.evaluation.oracles import plain_neighbours


@pytest.mark.parametrize("k", [1, 5, 16, 60, 399])
def test_nearest_others_equal_a_full_sort(k):
    vectors = np.random.RandomState(k).randn(400, 5).astype(np.float32)
    squared, rows = neighbours.Index(vectors).search(vectors, k, own=np.arange(400))
    np.testing.assert_array_equal(rows, plain_neighbours(vectors, k))
    expected = ((vectors[:, np.newaxis] - vectors[rows]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared, expected, atol=1e-4)


def test_a_query_is_left_out_by_its_row_and_not_by_its_distance():
    vectors = np.tile(np.float32([[1, 0]]), (5, 1))
    _, rows = neighbours.Index(vectors).search(vectors, 4, own=np.arange(5))
    assert rows.tolist() == [[1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 4], [0, 1, 2, 3]]
    _, rows = neighbours.Index(vectors).search(vectors[:2], 2, own=np.array([-1, 0]))
    assert rows.tolist() == [[0, 1], [1, 2]]


def test_rows_at_equal_distance_come_in_row_order(monkeypatch):
    index = neighbours.Index(np.eye(4, dtype=np.float32))
    found = np.float32([[0, 2, 2, 2], [1, 1, 3, 3]]), np.array([[0, 3, 1, 2], [2, 1, 3, 0]])
    stub = collections.namedtuple("Stub", "ntotal search")(4, lambda queries, k: found)
    monkeypatch.setattr(index, "_index", stub)
    squared, rows = index.search(np.eye(4, dtype=np.float32)[:2], 3, own=np.array([0, 1]))
    assert rows.tolist() == [[1, 2, 3], [2, 0, 3]] and squared.tolist() == [[2, 2, 2], [1, 3, 3]]


def test_fewer_are_found_where_there_are_fewer():
    vectors = np.eye(3, dtype=np.float32)
    index = neighbours.Index(vectors)
    assert index.search(vectors, 9)[1].shape == (3, 3)
    assert index.search(vectors, 9, own=np.arange(3))[1].shape == (3, 2)
    squared, rows = neighbours.Index(vectors[:1]).search(vectors[:1], 4, own=np.array([0]))
    assert squared.shape == rows.shape == (1, 0)


def test_the_majority_equals_counting():
    rng = np.random.RandomState(0)
    found = rng.randint(0, 4, (200, 7))
    for row, value in zip(found.tolist(), neighbours.majority(found)):
        counts = collections.Counter(row)
        tied = [label for label in row if counts[label] == max(counts.values())]
        assert value == tied[0]


def test_class_probabilities_equal_plain_loops():
    rng = np.random.RandomState(1)
    found, squared = rng.randint(0, 3, (20, 4)), rng.rand(20, 4)
    probabilities = neighbours.class_probabilities(found, squared, 5)
    for row in range(20):
        votes = [0.0] * 5
        for label, distance in zip(found[row], squared[row]):
            votes[label] += math.exp((1 - distance / 2) / 0.07)
        expected = [vote / sum(votes) for vote in votes]
        assert probabilities[row].tolist() == pytest.approx(expected, abs=1e-6)
    none = neighbours.class_probabilities(np.zeros((2, 0), int), np.zeros((2, 0)), 4)
    assert none.tolist() == [[0.25] * 4] * 2


@pytest.mark.parametrize("first, second", [("faiss", "utils.tf1"), ("utils.tf1", "faiss")])
def test_search_and_tensorflow_live_in_one_process(first, second):
    code = (
        f"import {first}, {second}; import numpy as np; from utils.tf1 import tf;"
        "from evaluation.neighbours import Index; x = np.eye(300, dtype=np.float32);"
        "s = tf.Session(); y = s.run(tf.matmul(x, x)); print(Index(y).search(y, 2)[1].shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert done.returncode == 0 and b"(300, 2)" in done.stdout


def test_the_library_is_imported_only_to_search():
    code = "import sys, evaluation.scoring, evaluation.evaluator; print('faiss' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert done.stdout.strip() == b"False"

import numpy as np
import pytest

from evaluation import metrics, spaces

LOGITS = np.array(
    [[3.0, 1, 2, 0], [0, 1, 2, 3], [1, 3, 2, 0], [0, 3, 2, 1], [2, 0, 1, 3], [0, 3, 1, 2]]
)
LABELS = np.array([0, 3, 2, 1, 0, 0])


def test_classification_by_hand():
    assert metrics.accuracy(LOGITS, LABELS) == pytest.approx(3 / 6)
    assert [metrics.top_k_accuracy(LOGITS, LABELS, k) for k in (1, 2, 3, 4, 5)] == pytest.approx(
        [3 / 6, 5 / 6, 5 / 6, 1, 1]
    )
    assert metrics.mean_per_class_accuracy(LOGITS, LABELS) == pytest.approx((1 / 3 + 1 + 1 + 0) / 4)
    matrix = metrics.confusion_matrix(LOGITS, LABELS)
    assert matrix.tolist() == [[1, 1, 0, 1], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]


def test_constant_logits_are_not_top_5():
    assert metrics.top_k_accuracy(np.zeros((4, 10)), np.arange(4), 5) == 0


def test_a_class_that_does_not_occur_is_left_out_of_the_class_mean():
    labels = np.array([0, 3, 3])
    logits = np.eye(4)[[0, 3, 0]]
    assert metrics.mean_per_class_accuracy(logits, labels) == pytest.approx((1 + 0.5) / 2)


def plain_neighbours(vectors, k):
    """Sorts the distances of every pair in float64."""
    rows = []
    for i, query in enumerate(vectors.astype(float)):
        distances = [(np.sum((query - v) ** 2), j) for j, v in enumerate(vectors) if j != i]
        rows.append([j for _, j in sorted(distances)[:k]])
    return np.array(rows)


def plain_retrieval(vectors, labels):
    order = plain_neighbours(vectors, len(labels) - 1)
    recalls, averages = {k: [] for k in metrics.RECALL_AT}, []
    for label, neighbours in zip(labels, order):
        relevant = np.sum(labels == label) - 1
        if relevant == 0:
            continue
        hits = [labels[j] == label for j in neighbours]
        for k in recalls:
            recalls[k].append(any(hits[:k]))
        precisions = [sum(hits[: r + 1]) / (r + 1) for r in range(relevant) if hits[r]]
        averages.append(sum(precisions) / relevant)
    found = {f"recall@{k}": np.mean(v) for k, v in recalls.items()}
    return dict(found, **{"map@r": np.mean(averages)})


@pytest.mark.parametrize("count, classes", [(30, 4), (300, 7), (400, 60), (400, 3)])
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_retrieval_equals_plain_loops(count, classes, scale):
    rng = np.random.RandomState(count)
    labels = rng.randint(0, classes, count)
    vectors = (rng.randn(count, 6) + 0.7 * rng.randn(classes, 6)[labels]).astype(np.float32) * scale
    value, expected = metrics.retrieval(vectors, labels), plain_retrieval(vectors, labels)
    assert value.keys() == expected.keys()
    for name in expected:
        assert value[name] == pytest.approx(expected[name], abs=1e-6), name


@pytest.mark.parametrize("k", [1, 5, 16, 60, 399])
def test_nearest_neighbours_equal_a_full_sort(k):
    vectors = np.random.RandomState(k).randn(400, 5).astype(np.float32)
    np.testing.assert_array_equal(
        metrics.nearest_neighbours(vectors, k), plain_neighbours(vectors, k)
    )


def test_a_query_never_finds_itself_and_duplicates_come_in_row_order():
    vectors = np.tile(np.float32([[1, 0]]), (5, 1))
    expected = [[1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 4], [0, 1, 2, 3]]
    assert metrics.nearest_neighbours(vectors, 4).tolist() == expected
    assert metrics.nearest_neighbours(np.zeros((3, 2), np.float32), 2).tolist() == [
        [1, 2],
        [0, 2],
        [0, 1],
    ]


def test_queries_alone_in_their_class_are_left_out():
    vectors = np.float32([[0, 0], [0.1, 0], [5, 5]])
    found = metrics.retrieval(vectors, np.array([1, 1, 0]))
    assert found["recall@1"] == 1 and found["map@r"] == 1
    alone = metrics.retrieval(vectors, np.array([0, 1, 2]))
    assert all(np.isnan(value) for value in alone.values())


def test_retrieval_of_a_perfect_and_of_a_shuffled_embedding():
    labels = np.repeat(np.arange(5), 20)
    perfect = np.eye(5, dtype=np.float32)[labels]
    assert metrics.retrieval(perfect, labels)["map@r"] == 1
    assert metrics.clustering_nmi(perfect, labels) == pytest.approx(1)
    noise = np.random.RandomState(0).randn(100, 8).astype(np.float32)
    assert metrics.retrieval(noise, labels)["recall@1"] < 0.5
    assert metrics.clustering_nmi(noise, labels) < 0.4


def test_unit_rows():
    rows = spaces.unit_rows(np.float32([[3, 4], [0, 0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert rows.dtype == np.float32

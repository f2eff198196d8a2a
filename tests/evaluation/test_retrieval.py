import numpy as np
import pytest

from evaluation import metrics, retrieval
from tests.evaluation.oracles import plain_neighbours, plain_retrieval


def scores(vectors, labels, num_voters=5):
    values, _ = retrieval.retrieval_values(vectors, labels, num_voters)
    return {name: retrieval.mean_of(column) for name, column in values.items()}


@pytest.mark.parametrize("count, classes", [(30, 4), (300, 7), (400, 60), (400, 3)])
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_retrieval_equals_plain_loops(count, classes, scale):
    rng = np.random.RandomState(count)
    labels = rng.randint(0, classes, count)
    vectors = (rng.randn(count, 6) + 0.7 * rng.randn(classes, 6)[labels]).astype(np.float32) * scale
    num_voters = 5 if scale == 1 else 20
    value, expected = (
        scores(vectors, labels, num_voters),
        plain_retrieval(vectors, labels, num_voters),
    )
    assert value.keys() == expected.keys() == set(metrics.names_of("retrieval"))
    for name in expected:
        assert value[name] == pytest.approx(expected[name], abs=1e-6), name


def test_chunks_change_nothing(monkeypatch):
    rng = np.random.RandomState(2)
    vectors, labels = rng.randn(50, 4).astype(np.float32), np.append(rng.randint(0, 5, 49), 5)
    values, nearest = retrieval.retrieval_values(vectors, labels)
    np.testing.assert_array_equal(nearest, plain_neighbours(vectors, 16))
    monkeypatch.setattr(retrieval, "_CHUNK", 7)
    again, same = retrieval.retrieval_values(vectors, labels)
    np.testing.assert_array_equal(nearest, same)
    for name in values:
        np.testing.assert_array_equal(values[name], again[name])
        assert np.isnan(values[name]).tolist() == [False] * 49 + [True]


def test_queries_alone_in_their_class_are_left_out():
    vectors = np.float32([[0, 0], [0.1, 0], [5, 5]])
    found = scores(vectors, np.array([1, 1, 0]))
    assert found["recall@1"] == 1 and found["map@r"] == 1 and found["r_precision"] == 1
    assert all(np.isnan(value) for value in scores(vectors, np.array([0, 1, 2])).values())
    assert all(np.isnan(value) for value in scores(vectors[:1], np.array([0])).values())


def test_a_perfect_and_a_shuffled_embedding():
    labels = np.repeat(np.arange(5), 20)
    perfect = np.eye(5, dtype=np.float32)[labels]
    assert set(scores(perfect, labels).values()) == {1.0}
    clusters = retrieval.clustering_scores(perfect, labels)
    assert clusters == {"nmi": pytest.approx(1), "ami": pytest.approx(1)}
    noise = np.random.RandomState(0).randn(100, 8).astype(np.float32)
    assert scores(noise, labels)["recall@1"] < 0.5
    clusters = retrieval.clustering_scores(noise, labels)
    assert clusters["nmi"] < 0.4 and clusters["ami"] < 0.1


def test_too_many_classes_for_k_means_have_no_clusters(monkeypatch):
    monkeypatch.setattr(retrieval, "MOST_CLUSTERS", 2)
    clusters = retrieval.clustering_scores(np.eye(3, dtype=np.float32), np.arange(3))
    assert set(clusters) == {"nmi", "ami"} and np.isnan(list(clusters.values())).all()

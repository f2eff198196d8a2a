import numpy as np
import pytest

from evaluation import metrics

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


def test_every_metric_of_the_table_is_known_by_one_name():
    assert metrics.names_of() == tuple(metrics.METRICS)
    assert set(metrics.names_of(in_training=True)) == {
        "accuracy", "top5_accuracy", "mean_per_class_accuracy", "map@r",
        *(f"recall@{k}" for k in (1, 2, 4, 8, 16)),
    }  # fmt: skip
    assert metrics.classifier_scores(LOGITS, LABELS) == {
        "accuracy": metrics.accuracy(LOGITS, LABELS),
        "top5_accuracy": metrics.top_k_accuracy(LOGITS, LABELS, 5),
        "mean_per_class_accuracy": metrics.mean_per_class_accuracy(LOGITS, LABELS),
    }
    with pytest.raises(KeyError):
        metrics.METRICS["recall@3"]


RANKING = metrics.Ranking(
    labels=np.array([1, 1, 2]),
    found=np.array([[1, 2, 1, 2], [2, 2, 2, 1], [2, 1, 2, 2]]),
    relevant=np.array([2, 1, 3]),
    num_voters=3,
)


def test_retrieval_by_hand():
    assert metrics.recall_at(RANKING, 1).tolist() == [1, 0, 1]
    assert metrics.recall_at(RANKING, 4).tolist() == [1, 1, 1]
    assert metrics.r_precision(RANKING).tolist() == pytest.approx([1 / 2, 0, 2 / 3])
    assert metrics.map_at_r(RANKING).tolist() == pytest.approx([1 / 2, 0, (1 + 2 / 3) / 3])
    assert metrics.knn_accuracy(RANKING).tolist() == [1, 0, 1]


def test_the_voters_tie_by_distance():
    two = RANKING._replace(num_voters=2)
    assert metrics.knn_accuracy(two).tolist() == [1, 0, 1]
    swapped = two._replace(found=two.found[:, [1, 0, 2, 3]])
    assert metrics.knn_accuracy(swapped).tolist() == [0, 0, 0]

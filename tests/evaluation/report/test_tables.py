import numpy as np
import pytest

from evaluation import metrics
from evaluation.report import tables
from tests.evaluation.report.conftest import metrics_of

RNG = np.random.RandomState(3)
LABELS = np.array([0, 0, 1, 3, 3, 3, 1, 0])
PREDICTED = np.array([0, 1, 0, 3, 1, 1, 1, 1])  # class 2 has no image


def test_scores_come_in_the_order_of_the_metrics_with_their_intervals():
    assert tables.scores(metrics_of(24)) == [
        ("accuracy", 0.8125, 0.75, 0.9), ("Recall@1", 0.625, None, None),
    ]  # fmt: skip
    assert tables.scores({"accuracy": 0.5}) == [("accuracy", 0.5, None, None)]


def test_spaces_come_in_their_order_and_unknown_scores_last():
    names, rows = tables.spaces(metrics_of(24))
    assert names == ["embedding", "pooled"]
    assert rows == [("Recall@1", [0.625, 0.25]), ("other", [None, None])]
    assert tables.spaces({}) == ([], [])


def test_confusion_counts_by_true_and_predicted_class():
    expected = [[1, 2, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 2, 0, 1]]
    counts = metrics.confusion_matrix(np.eye(4)[PREDICTED], LABELS)
    assert counts.tolist() == expected
    assert tables.confused_pairs(counts, 5) == [(0, 1, 2, 1), (1, 3, 0, 2)]
    assert tables.confused_pairs(counts, 1) == [(0, 1, 2, 1)]
    assert tables.confused_pairs(np.eye(3, dtype=int), 5) == []


def test_class_accuracies():
    found = tables.class_accuracies(PREDICTED, LABELS, 5)
    np.testing.assert_allclose(found, [1 / 3, 1 / 2, np.nan, 1 / 3, np.nan])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_is_that_of_the_logits(temperature):
    logits = RNG.randn(6, 4) * 5

    def softmax(values):
        return np.array([[np.exp(v) / sum(np.exp(w) for w in row) for v in row] for row in values])

    found = tables.with_temperature(softmax(logits).astype(np.float32), temperature)
    np.testing.assert_allclose(found, softmax(logits / temperature), atol=1e-5)


def test_reliability_bins_hold_equally_many_images():
    confidences, correct = RNG.rand(47), RNG.rand(47) < 0.6
    rows = sorted(range(47), key=lambda i: confidences[i])
    parts = [rows[:4], rows[4:8]] + [rows[8 + 3 * i : 11 + 3 * i] for i in range(13)]
    found = tables.reliability(confidences, correct)
    assert found.shape == (2, 15)
    for b, part in enumerate(parts):
        assert found[0, b] == pytest.approx(sum(confidences[i] for i in part) / len(part))
        assert found[1, b] == pytest.approx(sum(bool(correct[i]) for i in part) / len(part))
    assert tables.reliability(confidences[:3], correct[:3]).shape == (2, 3)


def test_pair_distances():
    vectors = RNG.randn(9, 5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.array([0, 1, 0, 2, 1, 1, 0, 2, 2])
    expected = {True: [], False: []}
    for i in range(9):
        for j in range(i + 1, 9):
            distance = np.sqrt(sum((vectors[i] - vectors[j]) ** 2))
            expected[labels[i] == labels[j]].append(distance)
    same, other = tables.pair_distances(vectors, labels)
    np.testing.assert_allclose(same, expected[True])
    np.testing.assert_allclose(other, expected[False])

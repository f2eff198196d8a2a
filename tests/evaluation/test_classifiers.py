import math

import numpy as np
import pytest

from evaluation import classifiers


def test_softmax_of_large_logits():
    assert classifiers.softmax(np.float32([[1e4, -1e4]])).tolist() == [[1, 0]]
    row = classifiers.softmax(np.array([[0.0, 2.0, 1.0]]))[0]
    total = 1 + math.exp(2) + math.exp(1)
    assert row.tolist() == pytest.approx([1 / total, math.exp(2) / total, math.exp(1) / total])


FIRST = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
SECOND = np.array([[0.8, 0.2], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9]])


def test_agreement_and_who_is_right_by_hand():
    found = classifiers.compare(FIRST, SECOND, np.array([0, 1, 1, 0]))
    assert found == {
        "agreement": 0.5,
        "softmax_right_where_they_differ": 0.5,
        "neighbours_right_where_they_differ": 0.5,
    }
    found = classifiers.compare(FIRST, SECOND, np.array([0, 1, 0, 1]))
    assert found["neighbours_right_where_they_differ"] == 1
    assert found["softmax_right_where_they_differ"] == 0
    same = classifiers.compare(FIRST, FIRST, np.array([0, 1, 0, 1]))
    assert same["agreement"] == 1 and np.isnan(same["softmax_right_where_they_differ"])


def test_the_fusion_is_a_weighted_mean():
    fused = classifiers.fuse(FIRST, SECOND, 0.25)
    for row in range(4):
        for column in range(2):
            expected = 0.75 * FIRST[row, column] + 0.25 * SECOND[row, column]
            assert fused[row, column] == pytest.approx(expected)


def test_the_weight_is_the_best_one_nearest_to_one_half():
    rng = np.random.RandomState(0)
    labels = rng.randint(0, 3, 60)
    for noise in ((0.4, 1.0), (1.0, 0.4), (0.0, 0.0)):
        pair = [np.eye(3)[labels] + scale * rng.randn(60, 3) for scale in noise]
        pair = [classifiers.softmax(p) for p in pair]
        best = {}
        for step in range(21):
            right = 0
            for a, b, label in zip(*pair, labels):
                mixed = [(1 - step / 20) * x + step / 20 * y for x, y in zip(a, b)]
                right += mixed.index(max(mixed)) == label
            best[step / 20] = right
        most = [w for w, right in best.items() if right == max(best.values())]
        chosen = classifiers.choose_weight(*pair, labels)
        assert best[chosen] == max(best.values())
        assert abs(chosen - 0.5) == pytest.approx(min(abs(w - 0.5) for w in most))
    assert chosen == 0.5

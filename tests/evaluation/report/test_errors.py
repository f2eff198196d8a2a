import numpy as np
import pytest

from evaluation.report import errors


def test_the_most_confident_errors_come_first_then_random_ones():
    rng = np.random.RandomState(0)
    probabilities = rng.dirichlet(np.ones(4), 60)
    labels = rng.randint(0, 4, 60)
    wrong = [i for i in range(60) if max(range(4), key=lambda c: probabilities[i, c]) != labels[i]]
    ranked = sorted(wrong, key=lambda i: -max(probabilities[i]))
    found = [list(errors.choose(probabilities, labels, seed, 10)) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert all(f[:5] == ranked[:5] and len(set(f)) == 10 and set(f) <= set(wrong) for f in found)
    assert sorted(errors.choose(probabilities, labels, 0, 99)) == sorted(wrong)


def test_no_error():
    assert len(errors.choose(np.eye(3), np.arange(3), 0, 4)) == 0


def test_top_classes():
    found = errors.top(np.array([0.1, 0.4, 0.1, 0.25, 0.15]), 4)
    assert found == [(1, 0.4), (3, 0.25), (4, 0.15), (0, pytest.approx(0.1))]
    assert errors.top(np.array([0.3, 0.7])) == [(1, 0.7), (0, 0.3)]

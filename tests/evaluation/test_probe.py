import numpy as np
import pytest

from evaluation import probe, spaces
from utils.errors import UserError


def noisy(count, seed):
    """Three classes: two features tell of them, thirty are noise."""
    rng = np.random.RandomState(seed)
    labels = np.arange(count) % 3
    centres = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
    informative = centres[labels] + rng.randn(count, 2)
    return np.hstack([informative, rng.randn(count, 30)]).astype(np.float32), labels


def test_the_strength_is_the_best_on_the_held_out_list():
    features, labels = noisy(30, 0)
    held_out = noisy(90, 1)
    scores = {
        c: probe.accuracy(probe.linear_probe(features, labels, c), *held_out)
        for c in probe.STRENGTHS
    }
    chosen = probe.choose_strength(features, labels, held_out)
    assert chosen == min(c for c in scores if scores[c] == max(scores.values()))
    assert min(scores.values()) < max(scores.values())


def test_without_a_held_out_list_it_is_cross_validated(monkeypatch):
    features, labels = noisy(30, 0)
    trained, scored = [], []

    def accuracy(strength, rows, own):
        scored.append(rows[:, 0])
        assert np.bincount(own).tolist() == [2, 2, 2]
        return float(strength in (0.1, 1.0))

    monkeypatch.setattr(probe, "accuracy", accuracy)
    monkeypatch.setattr(probe, "linear_probe", lambda rows, own, c: trained.append(rows[:, 0]) or c)
    assert probe.choose_strength(features, labels) == 0.1
    assert len(scored) == 5 * len(probe.STRENGTHS)
    np.testing.assert_array_equal(np.sort(np.concatenate(scored[:5])), np.sort(features[:, 0]))
    assert not any(set(ours) & set(others) for ours, others in zip(trained, scored))
    with pytest.raises(UserError, match="a single image"):
        probe.choose_strength(features[:4], labels[:4])


def test_the_probe_minimises_its_objective():
    features, labels = noisy(60, 0)
    fitted = probe.linear_probe(features, labels, 0.1)
    logits = features.astype(np.float64) @ fitted.coef_.T + fitted.intercept_
    errors = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(3)[labels]
    gradient = fitted.coef_ + 0.1 * errors.T @ features
    assert np.abs(gradient).max() < 1e-2 * np.abs(fitted.coef_).max()
    assert np.abs(errors.sum(axis=0)).max() < 1e-2


def test_the_nearest_neighbour_by_a_loop():
    (features, labels), (queries, expected) = noisy(40, 0), noisy(50, 1)
    features, queries = spaces.unit_rows(features), spaces.unit_rows(queries)
    found = [labels[np.argmax([row @ query for row in features])] for query in queries]
    score = probe.nearest_accuracy(features, labels, queries, expected)
    assert score == np.mean(np.array(found) == expected) and 0 < score < 1

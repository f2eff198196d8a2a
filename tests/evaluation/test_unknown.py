import math

import numpy as np
import pytest

from evaluation import unknown


def draws(seed, known=23, others=17):
    """Distances of known and unknown images with ties between and among them."""
    random = np.random.RandomState(seed)
    return random.randint(0, 12, known) / 8.0, random.randint(3, 16, others) / 8.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.9])
def test_the_threshold_is_the_smallest_that_few_enough_exceed(seed, share):
    distances = draws(seed)[0]
    fitting = []
    for candidate in distances:
        exceeding = 0
        for distance in distances:
            exceeding += distance > candidate
        if exceeding <= share * len(distances):
            fitting.append(candidate)
    assert unknown.threshold(distances, share) == min(fitting)


def test_the_threshold_of_hand_worked_values():
    assert unknown.threshold(np.arange(1, 21) / 10, 0.05) == pytest.approx(1.9)
    assert unknown.threshold(np.arange(1, 21) / 10, 0.049) == pytest.approx(2.0)
    assert unknown.threshold(np.array([0.3]), 0.5) == 0.3


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_the_share_of_ordered_pairs(seed):
    known, others = draws(seed)
    wins = 0.0
    for a in known:
        for b in others:
            wins += 1.0 if b > a else 0.5 if b == a else 0.0
    assert unknown.auroc(known, others) == pytest.approx(wins / len(known) / len(others))


def test_auroc_at_its_ends():
    assert unknown.auroc([1, 2], [3, 4]) == 1 and unknown.auroc([3, 4], [1, 2]) == 0
    assert unknown.auroc([1, 2], [1, 2]) == 0.5
    assert math.isnan(unknown.auroc([], [1])) and math.isnan(unknown.false_alarms([1], []))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("recall", [0.5, 0.95, 1.0])
def test_false_alarms_are_counted_at_the_largest_threshold_that_finds_enough(seed, recall):
    known, others = draws(seed)
    best = None
    for candidate in sorted(others):
        found = sum(1 for distance in others if distance >= candidate)
        if found >= recall * len(others):
            best = candidate
    alarms = sum(1 for distance in known if distance >= best)
    assert unknown.false_alarms(known, others, recall) == pytest.approx(alarms / len(known))


def nearest_by_loops(queries, gallery, labels, wanted, own=None):
    best = math.inf
    for row, vector in enumerate(gallery):
        if labels[row] in wanted and row != own:
            best = min(best, math.sqrt(sum((a - b) ** 2 for a, b in zip(queries, vector))))
    return best


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_distances_to_each_class(monkeypatch, leave_one_out):
    monkeypatch.setattr(unknown, "_CHUNK_NUMBERS", 100)
    random = np.random.RandomState(0)
    gallery = random.randn(31, 3).astype(np.float32)
    queries = gallery if leave_one_out else random.randn(13, 3).astype(np.float32)
    labels = random.choice([0, 1, 3], 31)  # no image of class 2
    labels[5] = 4  # a single one
    found = unknown.distances_to_classes(queries, gallery, labels, 5, leave_one_out)
    for row, query in enumerate(queries):
        for c in range(5):
            own = row if leave_one_out else None
            expected = nearest_by_loops(query.tolist(), gallery.tolist(), labels, {c}, own)
            assert found[row, c] == pytest.approx(expected, abs=2e-3)
    assert np.isinf(found[:, 2]).all() and np.isinf(found[5, 4]) == leave_one_out


def test_scores_of_classes_held_out_of_the_gallery():
    random = np.random.RandomState(1)
    gallery, queries = random.randn(40, 3), random.randn(25, 3)
    labels, query_labels = random.randint(0, 4, 40), random.randint(0, 4, 25)
    distances = unknown.distances_to_classes(
        queries.astype(np.float32), gallery.astype(np.float32), labels, 4
    )
    scores = unknown.held_out_scores(distances, query_labels, [1, 3])
    nearest = [nearest_by_loops(q, gallery, labels, {0, 2}) for q in queries.tolist()]
    known = [d for d, label in zip(nearest, query_labels) if label in (0, 2)]
    others = [d for d, label in zip(nearest, query_labels) if label in (1, 3)]
    pairs = [(a < b) for a in known for b in others]
    assert scores["auroc"] == pytest.approx(sum(pairs) / len(pairs))
    needed = math.ceil(0.95 * len(others))
    limit = sorted(others, reverse=True)[needed - 1]
    alarms = sum(d >= limit - 1e-5 for d in known) / len(known)
    assert scores["false_alarms_at_95_recall"] == pytest.approx(alarms)


def test_the_mean_over_draws_of_classes():
    """Two far classes among five are noticed whenever one of them is held out."""
    rng = np.random.RandomState(0)
    labels = np.repeat(np.arange(5), 4)
    vectors = (10.0 * np.eye(5)[labels] + rng.normal(0, 0.1, (20, 5))).astype(np.float32)
    distances = unknown.distances_to_classes(vectors, vectors, labels, 5, leave_one_out=True)
    scores = unknown.mean_held_out_scores(distances, labels, seed=1)
    assert scores == {"auroc": 1.0, "false_alarms_at_95_recall": 0.0}
    again = unknown.mean_held_out_scores(rng.rand(20, 5), labels, seed=1)
    draws, expected = np.random.RandomState(1), []
    random = np.random.RandomState(0)
    random.normal(0, 0.1, (20, 5))
    table = random.rand(20, 5)
    for _ in range(5):
        held_out = draws.permutation(5)[0]
        nearest = np.delete(table, held_out, axis=1).min(axis=1)
        pairs = [
            (nearest[i] > nearest[j]) + 0.5 * (nearest[i] == nearest[j])
            for i in np.flatnonzero(labels == held_out)
            for j in np.flatnonzero(labels != held_out)
        ]
        expected.append(np.mean(pairs))
    assert again["auroc"] == pytest.approx(np.mean(expected))
    assert unknown.mean_held_out_scores(distances[:4, :1], labels[:4], 0) is None

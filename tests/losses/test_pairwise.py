"""Losses of pairs, proxies and directions: against loops, differences and another library."""

import functools

import numpy as np
import pytest

from losses.objective import RANKING_LOSSES
from tests.conftest import built_once
from tests.losses import oracles
from tests.losses.test_triplet import BATCHES, unit_rows
from utils.tf1 import tf

CLASSES = 8
ORACLES = {
    "contrastive": oracles.contrastive,
    "npairs": oracles.npairs,
    "lifted": oracles.lifted,
    "multi_similarity": oracles.multi_similarity,
    "circle": oracles.circle,
    "supcon": oracles.supcon,
    "smooth_ap": oracles.smooth_ap,
    "proxy_anchor": oracles.proxy_anchor,
    "arcface": oracles.arcface,
}
WITH_CLASSES = ("proxy_anchor", "arcface")
# Far from the defaults too, so that every term counts and both sides of each branch are met.
SETTINGS = [
    ("contrastive", dict(positive_margin=0.0, negative_margin=1.0)),
    ("contrastive", dict(positive_margin=0.4, negative_margin=1.3)),
    ("npairs", dict(scale=1.0)),
    ("npairs", dict(scale=9.0)),
    ("lifted", dict(margin=1.0)),
    ("lifted", dict(margin=0.1)),
    ("multi_similarity", dict(alpha=2.0, beta=10.0, base=0.5, epsilon=0.1)),
    ("multi_similarity", dict(alpha=3.0, beta=5.0, base=0.2, epsilon=0.0)),
    ("circle", dict(margin=0.4, gamma=8.0)),
    ("circle", dict(margin=0.1, gamma=3.0)),
    ("supcon", dict(temperature=0.5)),
    ("supcon", dict(temperature=0.2)),
    ("smooth_ap", dict(temperature=0.3)),
    ("smooth_ap", dict(temperature=0.1)),
    ("proxy_anchor", dict(alpha=8.0, delta=0.1)),
    ("proxy_anchor", dict(alpha=3.0, delta=0.4)),
    ("arcface", dict(margin=0.5, scale=8.0)),
    ("arcface", dict(margin=1.5, scale=3.0)),
]
IDS = [f"{name}-{i % 2}" for i, (name, _) in enumerate(SETTINGS)]


def build(name, dims, num_classes, settings):
    """The loss and its gradient by the rows and, if it has one, by its variable."""
    settings = dict(settings, num_classes=num_classes) if name in WITH_CLASSES else dict(settings)
    labels, rows = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, dims])
    value = RANKING_LOSSES[name](labels, rows, **settings)
    variables = tf.trainable_variables()
    assert len(variables) == (name in WITH_CLASSES) == len(tf.global_variables())
    gradients = tf.gradients(tf.reduce_sum(value), [rows, *variables])
    return [labels, rows, *variables], [value, *map(tf.convert_to_tensor, gradients)]


def values_and_gradients(name, labels, rows, variable, **settings):
    run = built_once(build, name, rows.shape[1], len(variable), tuple(settings.items()))
    return run(labels, rows, variable)


def differences(function, at):
    """Central finite differences of the sum of a function's values."""
    found = np.zeros_like(at)
    for place in np.ndindex(*at.shape):
        step = np.zeros_like(at)
        step[place] = 1e-6
        found[place] = (np.sum(function(at + step)) - np.sum(function(at - step))) / 2e-6
    return found


def oracle_of(name, labels, variable, settings):
    if name in WITH_CLASSES:
        return lambda rows: ORACLES[name](labels, rows, variable, **settings)
    return lambda rows: ORACLES[name](labels, rows, **settings)


@pytest.mark.parametrize("labels", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("name, settings", SETTINGS, ids=IDS)
def test_equals_plain_loops_and_finite_differences(name, settings, labels):
    for spread in (0.3, 2.0):
        rows = unit_rows(len(labels), seed=len(labels), spread=spread)
        variable = np.random.RandomState(5).randn(CLASSES, rows.shape[1])
        value, gradient, *of_variable = values_and_gradients(
            name, labels, rows, variable, **settings
        )
        oracle = oracle_of(name, labels, variable, settings)
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, oracle(rows), rtol=2e-5, atol=2e-5)
        if name == "circle":
            oracle = functools.partial(oracles.circle, labels, weights_at=rows, **settings)
        np.testing.assert_allclose(gradient, differences(oracle, rows), rtol=1e-3, atol=5e-4)
        for found in of_variable:
            expected = differences(
                lambda v, y=labels, r=rows: ORACLES[name](y, r, v, **settings), variable
            )
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=5e-4)


@pytest.mark.parametrize("name, settings", SETTINGS, ids=IDS)
def test_duplicate_embeddings_have_a_finite_gradient(name, settings):
    labels = [0, 0, 1, 1]
    same = np.tile(unit_rows(1), (4, 1))
    for rows in (same, unit_rows(4)[[0, 0, 1, 1]], same * [[1], [1], [-1], [-1]]):
        for variable in (unit_rows(CLASSES, seed=3), np.tile(same[:1], (CLASSES, 1))):
            found = values_and_gradients(name, labels, rows, variable, **settings)
            assert all(np.isfinite(array).all() for array in found)


@pytest.mark.parametrize("name, settings", SETTINGS, ids=IDS)
def test_a_step_along_the_gradient_lowers_the_loss(name, settings):
    labels, rows = BATCHES["pk"], unit_rows(9, seed=9, spread=1.0)
    variable = unit_rows(CLASSES, seed=4)
    value, gradient, *_ = values_and_gradients(name, labels, rows, variable, **settings)
    moved = rows - 1e-3 * gradient / np.abs(gradient).max()
    after = values_and_gradients(name, labels, moved, variable, **settings)[0]
    assert np.sum(after) < np.sum(value)


# pytorch-metric-learning 2.9.0, PyTorch 2.14.1, float64, means over pairs or anchors. Contrastive:
# the halved squares of ContrastiveLoss(distance=LpDistance(power=1)). npairs: NTXentLoss of
# temperature 1 / scale. Lifted: LiftedStructureLoss with LpDistance. Multi-similarity: with
# MultiSimilarityMiner, the sum divided by B. Smooth-AP: of the first 9 rows, as 2.9.0 takes the
# number of classes for that of images of a class.
ELSEWHERE = [
    ("contrastive", dict(positive_margin=0.0, negative_margin=1.0), 0.8774767074),
    ("contrastive", dict(positive_margin=0.3, negative_margin=1.3), 0.5576568316),
    ("npairs", dict(scale=1.0), 2.3651519500),
    ("npairs", dict(scale=16.0), 8.7170199294),
    ("lifted", dict(margin=1.0), 7.7838519236),
    ("lifted", dict(margin=0.5), 5.9405208025),
    ("multi_similarity", dict(alpha=2.0, beta=50.0, base=0.5, epsilon=0.1), 1.0299229278),
    ("multi_similarity", dict(alpha=3.0, beta=20.0, base=0.2, epsilon=0.02), 0.9354728278),
    ("circle", dict(margin=0.4, gamma=80.0), 102.6291826749),
    ("circle", dict(margin=0.25, gamma=16.0), 24.1101030701),
    ("supcon", dict(temperature=0.1), 5.8303393485),
    ("supcon", dict(temperature=0.5), 2.6182662922),
    ("smooth_ap", dict(temperature=0.01), 0.3526830960),
    ("smooth_ap", dict(temperature=0.1), 0.3573801263),
    ("proxy_anchor", dict(alpha=32.0, delta=0.1), 37.8521283860),
    ("proxy_anchor", dict(alpha=8.0, delta=0.3), 13.3956630296),
    ("arcface", dict(margin=0.5, scale=64.0), 55.4232038879),
    ("arcface", dict(margin=1.2, scale=10.0), 13.8412799894),
]


@pytest.mark.parametrize("name, settings, expected", ELSEWHERE)
def test_values_of_pytorch_metric_learning(name, settings, expected):
    rng = np.random.RandomState(7)
    rows = rng.randn(12, 8)
    rows[:, 0] += 1
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    variable = rng.randn(5, 8)
    count = 9 if name == "smooth_ap" else 12
    labels = np.arange(count) // 3
    value = values_and_gradients(name, labels, rows[:count], variable, **settings)[0]
    assert np.mean(value) == pytest.approx(expected, rel=2e-6)

import functools

import numpy as np
import pytest

from losses.magnet import magnet
from tests.conftest import built_once
from tests.losses import oracles
from tests.losses.test_pairwise import differences
from tests.losses.test_triplet import BATCHES, unit_rows
from utils.tf1 import tf

CLASSES = 8


def build(num_classes, clusters, dims, alpha):
    labels, rows = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, dims])
    value = magnet(labels, rows, num_classes, clusters, alpha)
    assert not tf.trainable_variables()
    gradient = tf.gradients(tf.reduce_sum(value), rows)[0]
    return [labels, rows, *tf.global_variables()], [value, gradient]


def value_and_gradient(labels, rows, centers, alpha):
    return built_once(build, *centers.shape, alpha)(labels, rows, centers)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("clusters", [1, 3])
@pytest.mark.parametrize("labels", BATCHES.values(), ids=BATCHES)
def test_equals_plain_loops_and_finite_differences(labels, clusters, alpha):
    met = set()
    for seed, near in ((1, 0.0), (2, 0.8)):
        rows = unit_rows(len(labels), seed=seed, spread=2.0)
        centers = np.random.RandomState(seed).randn(CLASSES, clusters, 5)
        for row, y in zip(rows, labels):  # near its class, for losses of 0
            centers[y, 0] += near * (row - centers[y, 0])
        value, gradient = value_and_gradient(labels, rows, centers, alpha)
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, oracles.magnet(labels, rows, centers, alpha), atol=1e-4)
        oracle = functools.partial(
            oracles.magnet, labels, centers=centers, alpha=alpha, variance_at=rows
        )
        np.testing.assert_allclose(gradient, differences(oracle, rows), rtol=1e-3, atol=1e-3)
        met |= set(value > 0)
    assert True in met


def test_embeddings_at_their_centers_or_centers_at_the_start():
    rows = np.tile(unit_rows(1), (4, 1))
    for centers in (np.tile(rows[:1], (4, 2, 1)), np.zeros([4, 2, 5]), np.full([4, 2, 5], 100.0)):
        value, gradient = value_and_gradient([0, 0, 1, 2], rows, centers, 1.0)
        assert np.isfinite(value).all() and np.isfinite(gradient).all()
        if not centers.any():
            np.testing.assert_allclose(gradient, 0, atol=1e-6)
            np.testing.assert_allclose(value, 1 + np.log(6), rtol=1e-5)

import numpy as np
import pytest

from losses import triplet
from tests.conftest import built_once
from tests.losses import oracles
from utils.tf1 import tf

LOSSES = {
    "batch_hard": (triplet.batch_hard, oracles.batch_hard),
    "adaptive": (triplet.adaptive, oracles.adaptive),
    "semi_hard": (triplet.semi_hard, oracles.semi_hard),
}
# P x K, unequal classes, a singleton, one class only, one image only, all different.
BATCHES = {
    "pk": [0, 0, 0, 1, 1, 1, 2, 2, 2],
    "unequal": [3, 0, 3, 3, 7, 0, 3],
    "singleton": [5, 5, 1, 5],
    "one class": [2, 2, 2],
    "one image": [4],
    "no positives": [0, 1, 2, 3],
}
MARGINS = [0.2, 1.5, 0.0, "soft", "none"]


def unit_rows(count, dims=5, seed=0, spread=1.0):
    rows = np.random.RandomState(seed).randn(count, dims) * spread
    rows[:, 0] += 2.0
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def build(loss, margin):
    labels, rows = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, None])
    value = loss(labels, rows, margin)
    return [labels, rows], [value, tf.gradients(tf.reduce_sum(value), rows)[0]]


def value_and_gradient(loss, labels, rows, margin):
    return built_once(build, loss, margin)(labels, rows)


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("labels", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("name", LOSSES)
def test_equals_plain_loops_and_finite_differences(name, labels, margin):
    loss, oracle = LOSSES[name]
    for spread in (0.3, 2.0):  # active and satisfied triplets
        rows = unit_rows(len(labels), seed=len(labels), spread=spread)
        value, gradient = value_and_gradient(loss, labels, rows, margin)
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, oracle(labels, rows, margin), atol=2e-5)
        expected = np.zeros_like(rows)
        for place in np.ndindex(*rows.shape):
            step = np.zeros_like(rows)
            step[place] = 1e-6
            up, down = (np.sum(oracle(labels, rows + s, margin)) for s in (step, -step))
            expected[place] = (up - down) / 2e-6
        np.testing.assert_allclose(gradient, expected, atol=2e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_duplicate_embeddings_have_a_finite_gradient(name):
    labels = [0, 0, 1, 1]
    for rows in (np.tile(unit_rows(1), (4, 1)), unit_rows(4)[[0, 0, 1, 1]]):
        for margin in MARGINS:
            value, gradient = value_and_gradient(LOSSES[name][0], labels, rows, margin)
            np.testing.assert_allclose(value, LOSSES[name][1](labels, rows, margin), atol=2e-5)
            assert np.isfinite(gradient).all()


def test_batch_hard_by_hand():
    # On the unit circle at 0, 90, 180 and 60 degrees: squared distances are 2 - 2 cos.
    angles = np.deg2rad([0, 90, 180, 60])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    value, _ = value_and_gradient(triplet.batch_hard, [0, 0, 1, 1], rows, 0.2)
    near = 2 - 3**0.5  # 30 degrees
    np.testing.assert_allclose(
        value, [0.2 + 2 - 1, 0.2 + 2 - near, 0.2 + 3 - 2, 0.2 + 3 - near], 1e-5
    )


def test_semi_hard_wants_a_negative_that_is_farther_than_the_positive():
    # Whole numbers, so the tie of d_ap = d_an = 1 is exact: that negative is passed over for the
    # one at 4. Ordered pairs: (0, 1) 0, (1, 0) 0, (2, 3) 5 - 2 + 0.2, (3, 2) 0.
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-2.0, 0.0]])
    value, _ = value_and_gradient(triplet.semi_hard, [0, 0, 1, 1], rows, 0.2)
    assert value == pytest.approx(3.2 / 4)


def test_semi_hard_negatives_at_one_distance_share_the_gradient():
    # Anchor 0 has its positive at 1 and negatives at 2, 2 and 5; anchor 1 sees them at 1, 1 and 8,
    # none farther than 1 but the last. Whole numbers, so that all ties are exact.
    rows = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 1.0], [2.0, -1.0]])
    value, gradient = value_and_gradient(triplet.semi_hard, [0, 0, 1, 2, 3], rows, 4.0)
    assert value == pytest.approx((4 + 1 - 2) / 2)
    # Half of d/df of d_01 - (d_02 + d_03) / 2; anchor 1 adds none, as 4 + 1 - 8 < 0.
    to_0 = rows - rows[0]
    expected = to_0 * np.array([0, 1, -0.5, -0.5, 0])[:, np.newaxis]
    expected[0] = -expected.sum(axis=0)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_semi_hard_takes_embeddings_that_are_not_finite():
    rng = np.random.RandomState(0)
    with tf.Graph().as_default(), tf.Session() as session:
        embeddings = tf.placeholder(tf.float32, [None, 3])
        labels = tf.placeholder(tf.int32, [None])
        loss = triplet.semi_hard(labels, embeddings, 0.2)
        fetches = [loss, tf.gradients(loss, embeddings)[0]]
        for _ in range(500):
            count = rng.randint(1, 40)
            rows = rng.randn(count, 3)
            rows[rng.randint(0, count, rng.randint(1, count + 1))] = rng.choice([np.nan, np.inf])
            session.run(fetches, {embeddings: rows, labels: rng.randint(0, 4, count)})


def test_distances_are_squared():
    # A margin of 0.2 is met by a gap of 0.25 in squared distance, 0.05 in plain distance.
    rows = np.array([[1.0, 0, 0], [1.0, 0, 0], [0.875, np.sqrt(1 - 0.875**2), 0]])
    value, _ = value_and_gradient(triplet.batch_hard, [0, 0, 1], rows, 0.2)
    np.testing.assert_allclose(value[:2], [0, 0])


@pytest.mark.parametrize("name", LOSSES)
def test_refuses_an_unknown_margin(name):
    with pytest.raises(ValueError, match="soft"):
        value_and_gradient(LOSSES[name][0], [0, 0, 1], unit_rows(3), "hard")

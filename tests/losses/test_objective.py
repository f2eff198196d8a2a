import numpy as np
import pytest

from losses.objective import l2_penalty, objective
from tests.losses import oracles
from utils.tf1 import tf

LABELS = [0, 0, 1, 1, 2, 2]
ROWS = np.random.RandomState(1).randn(6, 4)
ROWS /= np.linalg.norm(ROWS, axis=1, keepdims=True)
LOGITS = np.random.RandomState(2).randn(6, 3)


def run(mode, weight=2.0, **settings):
    with tf.Graph().as_default(), tf.Session() as session:
        built = objective(
            mode,
            tf.constant(LABELS),
            tf.constant(LOGITS, tf.float32),
            None if mode == "vanilla" else tf.constant(ROWS, tf.float32),
            weight,
            settings,
        )
        session.run(tf.global_variables_initializer())
        return session.run([built.total, built.terms])


def cross_entropy():
    exponentials = np.exp(LOGITS)
    return np.mean([-np.log(e[y] / e.sum()) for e, y in zip(exponentials, LABELS)])


def test_vanilla_is_cross_entropy_alone():
    total, terms = run("vanilla")
    np.testing.assert_allclose(total, cross_entropy(), rtol=1e-5)
    assert set(terms) == {"loss", "cross_entropy", "accuracy"}
    assert terms["accuracy"] == pytest.approx(np.mean(LOGITS.argmax(axis=1) == LABELS))


@pytest.mark.parametrize("smoothing", [0.1, 1.0])
def test_smoothed_labels_share_a_part_of_the_target(smoothing):
    log_p = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
    target = (1 - smoothing) * np.eye(3)[LABELS] + smoothing / 3
    expected = -np.mean(np.sum(target * log_p, axis=1))
    with tf.Graph().as_default(), tf.Session() as session:
        built = objective(
            "vanilla", tf.constant(LABELS), tf.constant(LOGITS, tf.float32), None, None, {},
            label_smoothing=smoothing,
        )  # fmt: skip
        total, terms = session.run([built.total, built.terms])
    assert total == terms["cross_entropy"] == pytest.approx(expected, rel=1e-6)
    assert terms["accuracy"] == pytest.approx(np.mean(LOGITS.argmax(axis=1) == LABELS))


@pytest.mark.parametrize(
    "mode, oracle",
    [
        ("hard", oracles.batch_hard),
        ("adaptive", oracles.adaptive),
        ("semi_hard", oracles.semi_hard),
    ],
)
@pytest.mark.parametrize("margin", [0.2, "soft", "none"])
def test_total_is_cross_entropy_plus_weighted_mean(mode, oracle, margin):
    total, terms = run(mode, weight=0.5, margin=margin)
    ranking = np.mean(oracle(LABELS, ROWS, margin))
    np.testing.assert_allclose(terms["ranking_loss"], ranking, atol=2e-5)
    np.testing.assert_allclose(total, cross_entropy() + 0.5 * ranking, rtol=1e-4)
    assert terms["loss"] == total


def test_center_loss_is_the_sum_over_the_batch():
    with tf.Graph().as_default(), tf.Session() as session:
        built = objective(
            "center",
            tf.constant(LABELS),
            tf.constant(LOGITS, tf.float32),
            tf.constant(ROWS, tf.float32),
            0.003,
            {"num_classes": 3, "alpha": 0.5},
        )
        centers = np.random.RandomState(3).randn(3, 4).astype(np.float32)
        (variable,) = tf.global_variables()
        variable.load(centers, session)
        total, terms = session.run([built.total, built.terms])
    ranking = sum(0.5 * np.sum((row - centers[y]) ** 2) for row, y in zip(ROWS, LABELS))
    assert terms["ranking_loss"] == pytest.approx(ranking, rel=1e-5)
    assert total == pytest.approx(cross_entropy() + 0.003 * ranking, rel=1e-5)


def test_a_sum_adds_both_losses_with_their_weights():
    parts = {"hard": (0.5, {"margin": 0.2}), "circle": (3.0, {"margin": 0.4, "gamma": 8.0})}
    total, terms = run("hard+circle", weight=1.0, **parts)
    ranking = 0.5 * np.mean(oracles.batch_hard(LABELS, ROWS, 0.2))
    ranking += 3.0 * np.mean(oracles.circle(LABELS, ROWS, 0.4, 8.0))
    np.testing.assert_allclose(terms["ranking_loss"], ranking, rtol=1e-5)
    np.testing.assert_allclose(total, cross_entropy() + ranking, rtol=1e-5)


def test_a_sum_moves_the_centers():
    parts = {
        "center": (1.0, {"num_classes": 3, "alpha": 0.5}),
        "supcon": (1.0, {"temperature": 1.0}),
    }
    with tf.Graph().as_default(), tf.Session() as session:
        rows = tf.constant(ROWS, tf.float32)
        logits = tf.zeros([len(LABELS), 3])
        built = objective("center+supcon", tf.constant(LABELS), logits, rows, 1.0, parts)
        session.run(tf.global_variables_initializer())
        (centers,) = tf.global_variables()
        before = session.run(centers)
        session.run(built.update)
        moved = session.run(centers)
    _, expected = oracles.center(LABELS, ROWS, before, 0.5)
    np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_statistics_by_loops():
    _, terms = run("hard", margin=0.2)
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    gaps = {True: [], False: []}
    for i, j in pairs:
        gaps[LABELS[i] == LABELS[j]].append(oracles.distance(ROWS[i], ROWS[j]))
    np.testing.assert_allclose(terms["positive_distance"], np.mean(gaps[True]), rtol=1e-5)
    np.testing.assert_allclose(terms["negative_distance"], np.mean(gaps[False]), rtol=1e-5)
    active = np.mean(np.array(oracles.batch_hard(LABELS, ROWS, 0.2)) > 0)
    assert terms["active_anchors"] == pytest.approx(active)


def test_the_margin_of_another_loss_is_none_of_a_triplet():
    _, terms = run("circle", margin=0.9, gamma=8.0)
    active = np.mean(np.array(oracles.batch_hard(LABELS, ROWS, 0.0)) > 0)
    assert terms["active_anchors"] == pytest.approx(active)
    assert active < np.mean(np.array(oracles.batch_hard(LABELS, ROWS, 0.9)) > 0)


def test_weight_decay_takes_weights_only():
    with tf.Graph().as_default(), tf.Session() as session:
        names = ("a/weights", "a/biases", "a/depthwise_weights", "a/BatchNorm/gamma")
        variables = [tf.get_variable(n, initializer=[3.0, 4.0]) for n in names]
        session.run(tf.global_variables_initializer())
        assert session.run(l2_penalty(variables, 0.1)) == pytest.approx(0.1 * 12.5)

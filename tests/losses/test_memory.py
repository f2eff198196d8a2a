import numpy as np
import pytest

from losses.memory import remembered, takes_memory
from losses.objective import RANKING_LOSSES, objective
from tests.conftest import built_once
from tests.losses import oracles
from tests.losses.test_pairwise import SETTINGS
from tests.losses.test_triplet import BATCHES, unit_rows
from utils.tf1 import tf

TRIPLETS = [(name, dict(margin=0.7)) for name in ("hard", "adaptive", "semi_hard")]
WITH_ANCHORS = [
    (name, settings) for name, settings in TRIPLETS + SETTINGS if takes_memory(RANKING_LOSSES[name])
]


def test_losses_with_anchors():
    assert {name for name, _ in WITH_ANCHORS} == {
        "hard", "adaptive", "semi_hard", "contrastive", "npairs", "multi_similarity", "circle",
        "supcon", "smooth_ap",
    }  # fmt: skip


def build(name, settings):
    """The losses of the first rows and their gradient, with and without `anchors`."""
    labels, rows = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, 5])
    count, loss = tf.placeholder(tf.int32, []), RANKING_LOSSES[name]
    outputs = [loss(labels, rows, anchors=count, **dict(settings))]
    if name != "semi_hard":  # its one value is a mean over pairs
        outputs.append(loss(labels, rows, **dict(settings))[:count])
    outputs += [tf.gradients(tf.reduce_sum(value), rows)[0] for value in outputs]
    return [labels, rows, count], outputs


@pytest.mark.parametrize("labels", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("name, settings", WITH_ANCHORS)
def test_anchors_are_the_first_rows_of_the_whole(name, settings, labels):
    rows = unit_rows(len(labels), seed=4)
    for count in {1, len(labels) // 2, len(labels)} - {0}:
        found = built_once(build, name, tuple(settings.items()))(labels, rows, count)
        if name == "semi_hard":
            value, slope = found
            expected = oracles.semi_hard(labels, rows, anchors=count, **settings)
            assert value == pytest.approx(expected, abs=2e-5) and np.isfinite(slope).all()
            continue
        value, expected, slope, expected_slope = found
        assert value.shape == (count,)
        np.testing.assert_allclose(value, expected, atol=1e-6, rtol=1e-5)
        np.testing.assert_allclose(slope, expected_slope, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("size", [3, 5, 12])
def test_the_memory_holds_the_newest_rows_of_earlier_steps(size):
    rng = np.random.RandomState(0)
    with tf.Graph().as_default(), tf.Session() as session:
        labels, rows = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, 2])
        is_used = tf.placeholder(tf.bool, [])
        *both, update = remembered(labels, rows, size, is_used)
        slope = tf.gradients(tf.reduce_sum(both[1] ** 2), rows)[0]
        assert not tf.trainable_variables() and len(tf.global_variables()) == 3
        session.run(tf.global_variables_initializer())
        past_labels, past_rows = [], []
        for step in range(8):
            own_labels, own_rows = rng.randint(0, 9, 4), rng.randn(4, 2).astype(np.float32)
            feed = {labels: own_labels, rows: own_rows, is_used: step > 1}
            (found_labels, found_rows), found_slope, _ = session.run([both, slope, update], feed)
            used = size if step > 1 else 0
            assert found_labels.tolist() == own_labels.tolist() + past_labels[:used]
            expected = np.concatenate([own_rows, *past_rows])[: 4 + min(used, len(past_labels))]
            np.testing.assert_array_equal(found_rows, expected)
            np.testing.assert_allclose(found_slope, 2 * own_rows)
            past_labels = own_labels.tolist() + past_labels
            past_rows = [own_rows, *past_rows]


def test_an_objective_compares_with_earlier_steps():
    labels, rows = BATCHES["pk"], unit_rows(9, seed=2)
    earlier, other = [1, 5, 0], unit_rows(3, seed=3)
    parts = {
        "hard": (2.0, {"margin": 0.7}),
        "arcface": (1.0, dict(num_classes=6, margin=0.5, scale=8.0)),
    }
    with tf.Graph().as_default(), tf.Session() as session:
        y, f = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, 5])
        logits = tf.zeros([tf.shape(y)[0], 6])
        memory = {"size": 4, "is_used": tf.constant(True)}
        built = objective("hard+arcface", y, logits, f, 1.0, parts, memory=memory)
        directions = np.random.RandomState(1).randn(6, 5)
        session.run(tf.global_variables_initializer())
        tf.trainable_variables()[0].load(directions, session)
        session.run(built.update, {y: earlier, f: other})
        found = session.run(built.terms["ranking_loss"], {y: labels, f: rows})
    everything = oracles.batch_hard(labels + earlier, np.concatenate([rows, other]), 0.7)
    expected = 2 * np.mean(everything[:9]) + np.mean(
        oracles.arcface(labels, rows, directions, 0.5, 8.0)
    )
    assert found == pytest.approx(expected, rel=1e-5)
    assert np.mean(everything[:9]) > np.mean(oracles.batch_hard(labels, rows, 0.7))

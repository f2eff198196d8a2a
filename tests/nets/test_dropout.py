import numpy as np
import pytest

from nets.dropout import dropout
from utils.tf1 import tf


def drawn(step, layer=0, seed=3, keep_prob=0.75):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        global_step = tf.train.get_or_create_global_step()
        values = dropout(tf.ones([50, 8, 1, 5]), keep_prob, True, layer)
        session.run(global_step.initializer)
        global_step.load(step, session)
        first, again = session.run(values), session.run(values)
    np.testing.assert_array_equal(first, again)
    return first


def test_the_share_and_the_scale():
    values = drawn(7)
    assert set(np.unique(values)) == {0.0, np.float32(1 / 0.75)}
    assert np.mean(values > 0) == pytest.approx(0.75, abs=0.03)


def test_draws_are_a_function_of_seed_step_and_layer():
    values = drawn(7)
    np.testing.assert_array_equal(values, drawn(7))
    for other in (drawn(8), drawn(7, layer=1), drawn(7, seed=4), drawn(7, seed=2**32 - 1)):
        share = np.mean((values > 0) == (other > 0))
        assert share == pytest.approx(0.75**2 + 0.25**2, abs=0.05)  # as of independent draws


def test_evaluation_and_graphs_without_a_step():
    with tf.Graph().as_default(), tf.Session() as session:
        ones = tf.ones([1000])
        assert dropout(ones, 0.5, False) is ones
        assert np.mean(session.run(dropout(ones, 0.5, True)) > 0) == pytest.approx(0.5, abs=0.06)

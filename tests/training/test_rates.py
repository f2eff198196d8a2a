"""Learning rates by variable."""

import numpy as np
import pytest

from config import resolve
from tests.training.test_trainer import last_weights, train
from training.optimizer import build_optimizer, learning_rate_factors
from utils.tf1 import tf

HEADS = ("embedding/weights", "MobilenetV1/Logits/Conv2d_1c_1x1/weights")
BACKBONE = "MobilenetV1/Conv2d_1_pointwise/weights"


def test_the_heads_have_a_rate_of_their_own(shared_tree, tmp_path):
    given = dict(train_iters=1)
    train(shared_tree, tmp_path / "start", learning_rate=0.0, **given)
    train(shared_tree, tmp_path / "one", **given)
    train(shared_tree, tmp_path / "ten", head_learning_rate=10.0, **given)
    start, one, ten = (last_weights(tmp_path / name) for name in ("start", "one", "ten"))
    for name in HEADS:
        moved = one[name] - start[name]
        assert np.abs(moved).max() > 1e-4
        np.testing.assert_allclose(ten[name] - start[name], 10 * moved, atol=1e-6)
    np.testing.assert_array_equal(ten[BACKBONE], one[BACKBONE])
    assert np.abs(one[BACKBONE] - start[BACKBONE]).max() > 0


def test_factors_by_scope():
    names = [*HEADS, "embedding_2/weights", "proxies", "proxies_2", BACKBONE]
    given = dict(
        train_mode="hard+proxy_anchor", head_learning_rate=3.0, proxy_anchor_learning_rate=50.0
    )
    with tf.Graph().as_default():
        variables = [tf.get_variable(name, [1]) for name in names]
        found = learning_rate_factors(resolve.resolve(given), variables)
    assert found == [3.0, 3.0, 1.0, 50.0, 1.0, 1.0]


@pytest.mark.parametrize("factor", [1.0, 50.0])
def test_two_steps_of_momentum_by_hand(factor):
    given = dict(train_mode="proxy_anchor", proxy_anchor_learning_rate=factor, learning_rate=0.5,
                 end_learning_rate=0.5)  # fmt: skip
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("proxies", initializer=[0.0])
        optimizer, _ = build_optimizer(resolve.resolve(given), tf.train.get_or_create_global_step())
        step = optimizer.minimize(tf.reduce_sum(2.0 * variable))
        session.run(tf.global_variables_initializer())
        names = {v.op.name for v in tf.global_variables()}
        session.run(step)
        session.run(step)
        assert session.run(variable) == pytest.approx([-0.5 * factor * (2 + (0.9 * 2 + 2))])
    assert names == {"proxies", "proxies/Momentum", "global_step"}

"""The parts of a graph that no other test holds: the optimiser against plain NumPy."""

import numpy as np
import pytest

from config.resolve import resolve
from training.optimizer import build_optimizer
from utils.tf1 import tf


def test_momentum_and_the_learning_rate_by_hand():
    """Five steps down 0.5 * |w|^2 with a rate that falls from 0.1 to 0.02."""
    start = np.array([1.0, -2.0, 0.5], np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.get_or_create_global_step()
        given = {"learning_rate": 0.1, "end_learning_rate": 0.02, "train_iters": 4}
        optimizer, rate = build_optimizer(resolve(given), step)
        weights = tf.get_variable("w", initializer=start)
        move = optimizer.minimize(tf.nn.l2_loss(weights), step)
        session.run(tf.global_variables_initializer())
        rates, values = [], []
        for _ in range(5):
            rates.append(session.run(rate))
            session.run(move)
            values.append(session.run(weights))
    expected_rates = [0.1, 0.08, 0.06, 0.04, 0.02]
    assert rates == pytest.approx(expected_rates)
    expected, velocity = start.astype(float), np.zeros(3)
    for value, learning_rate in zip(values, expected_rates):
        velocity = 0.9 * velocity + expected
        expected = expected - learning_rate * velocity
        np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("warmup", [0, 3])
def test_the_rate_of_each_step(schedule, warmup):
    given = dict(learning_rate=0.2, end_learning_rate=0.01, train_iters=12)
    config = resolve(dict(given, learning_rate_schedule=schedule, warmup_steps=warmup))
    expected = []
    for done in range(14):
        part = min((done - warmup) / (12 - warmup), 1)
        falling = 1 - part if schedule == "linear" else (1 + np.cos(np.pi * part)) / 2
        rising = 0.2 * (done + 1) / (warmup + 1)
        expected.append(rising if done < warmup else 0.01 + 0.19 * falling)
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.placeholder(tf.int64, [])
        rate = build_optimizer(config, step)[1]
        found = [session.run(rate, {step: done}) for done in range(14)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert warmup or found[0] == np.float32(0.2)

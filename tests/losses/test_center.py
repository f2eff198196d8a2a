import numpy as np

from losses.center import center_loss
from tests.losses import oracles
from utils.tf1 import tf


def test_loss_and_update_equal_plain_loops():
    rng = np.random.RandomState(3)
    labels = [4, 1, 1, 0, 1, 4]
    rows, centers = rng.randn(6, 3), rng.randn(6, 3)
    with tf.Graph().as_default(), tf.Session() as session:
        embeddings = tf.constant(rows, tf.float32)
        loss, update = center_loss(tf.constant(labels), embeddings, num_classes=6, alpha=0.5)
        (variable,) = tf.global_variables()
        gradients = tf.gradients(loss, [embeddings, variable])
        variable.load(centers.astype(np.float32), session)
        value, gradient, _ = session.run([loss, gradients[0], update])
        moved = session.run(variable)
    expected, expected_centers = oracles.center(labels, rows, centers, 0.5)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(moved, expected_centers, atol=2e-5)
    np.testing.assert_allclose(gradient, rows - centers[labels], atol=2e-5)
    assert variable not in tf.trainable_variables()


def test_centers_start_as_standard_normal():
    with tf.Graph().as_default(), tf.Session() as session:
        center_loss(tf.constant([0]), tf.zeros([1, 256]), num_classes=50, alpha=0.5)
        session.run(tf.global_variables_initializer())
        values = session.run(tf.global_variables()[0])
    assert abs(values.mean()) < 0.05 and abs(values.std() - 1) < 0.05

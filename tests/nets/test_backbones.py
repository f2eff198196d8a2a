import hashlib

import numpy as np
import pytest

from config.networks import NETWORKS
from nets.factory import BACKBONES, network_fn
from utils.tf1 import tf

# Of the published checkpoints: classes, number of variables, and the first 16 hexadecimal digits of
# the SHA-256 of their sorted lines "name [shape]".
PUBLISHED = {
    "resnet50": (1001, 272, "8e4f56a616676bad"),
    "resnet50_v1": (1000, 267, "e22a51e4ef568f30"),
    "inc3": (1001, 388, "3b0defd78f24147e"),
    "mobile": (1001, 137, "d805263660bc9d10"),
}
FEATURE_MAPS = {
    "resnet50": [7, 7, 2048],
    "resnet50_v1": [7, 7, 2048],
    "inc3": [8, 8, 2048],
    "mobile": [7, 7, 1024],
}


def build(name, frame_size, classes, is_training=False, reuse=None, batch=2):
    images = tf.random.stateless_uniform([batch, frame_size, frame_size, 3], seed=[1, 2])
    return network_fn(name)(images, classes, is_training, reuse=reuse)


@pytest.mark.parametrize("name", BACKBONES)
def test_variables_are_those_of_the_published_checkpoint(name):
    classes, count, digest = PUBLISHED[name]
    with tf.Graph().as_default():
        logits, end_points = build(name, NETWORKS[name].frame_size, classes)
        lines = [f"{v.op.name} {v.shape.as_list()}" for v in tf.global_variables()]
        build(name, NETWORKS[name].frame_size, classes, is_training=True, reuse=True)
        assert len(tf.global_variables()) == len(lines) == count
    assert hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16] == digest
    assert logits.shape.as_list() == [2, classes]
    spec = NETWORKS[name]
    assert end_points[spec.feature_map].shape.as_list() == [2] + FEATURE_MAPS[name]
    assert end_points[spec.pooled].shape.as_list() == [2, 1, 1, FEATURE_MAPS[name][-1]]
    scopes = {line.split("/")[0] for line in lines}
    assert scopes == {spec.scope}


@pytest.mark.parametrize("name", BACKBONES)
def test_a_training_step_reaches_every_variable_that_the_logits_need(name):
    size = max(NETWORKS[name].min_frame_size, 64)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        logits, _ = build(name, size, 5, is_training=True)
        loss = tf.reduce_mean(tf.square(logits - tf.one_hot([1, 3], 5)))
        variables = [v for v in tf.trainable_variables() if "AuxLogits" not in v.op.name]
        gradients = tf.gradients(loss, variables)
        assert all(g is not None for g in gradients)
        session.run(tf.global_variables_initializer())
        values = session.run(gradients)
    assert all(np.isfinite(value).all() for value in values)
    touched = sum(np.abs(value).max() > 0 for value in values)
    assert touched > 0.9 * len(values)


@pytest.mark.parametrize("name", BACKBONES)
def test_statistics_move_in_training_and_are_used_in_evaluation(name):
    size = NETWORKS[name].min_frame_size
    with tf.Graph().as_default(), tf.Session() as session:
        build(name, size, 3, is_training=True)
        logits, _ = build(name, size, 3, reuse=True)
        updates = [op for op in tf.get_collection(tf.GraphKeys.UPDATE_OPS) if "Aux" not in op.name]
        moving = [v for v in tf.global_variables() if v.op.name.endswith("moving_variance")]
        moving = [v for v in moving if "AuxLogits" not in v.op.name]
        session.run(tf.global_variables_initializer())
        before, first = session.run([moving, logits])
        assert len(updates) == 2 * len(moving)
        session.run(updates)
        after, second = session.run([moving, logits])
        np.testing.assert_array_equal(second, session.run(logits))
    assert all(np.abs(a - b).max() > 0 for a, b in zip(after, before))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("name", BACKBONES)
def test_bn_decay_is_the_networks_unless_given(name):
    def decays(decay):
        with tf.Graph().as_default() as graph, tf.Session() as session:
            size = NETWORKS[name].min_frame_size
            network_fn(name, decay)(tf.zeros([2, size, size, 3]), 3, True)
            names = [op.name for op in graph.get_operations()]
            steps = [n + ":0" for n in names if n.endswith("AssignMovingAvg/sub")]
            assert len(steps) > 20
            return {round(float(1 - step), 5) for step in session.run(steps)}

    assert decays(None) == {NETWORKS[name].bn_decay}
    assert decays(0.9) == {0.9}


def test_an_unknown_network_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="mobile"):
        network_fn("alexnet")
    assert set(BACKBONES) == set(NETWORKS)

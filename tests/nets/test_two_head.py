import numpy as np
import pytest

from nets.factory import network_fn
from nets.heads import embedding_head
from nets.two_head import two_head
from utils.tf1 import tf

SETTINGS = dict(num_classes=3, pooled="AvgPool_1a", feature_map="Conv2d_13_pointwise", emb_dim=6)


def tower(is_training, reuse=None, **changes):
    images = tf.random.stateless_uniform([4, 64, 64, 3], seed=[1, 2])
    backbone = network_fn("mobile", bn_decay=0.0)
    return two_head(
        images, backbone, is_training=is_training, reuse=reuse, **dict(SETTINGS, **changes)
    )


def test_embedding_is_flatten_linear_normalise():
    rng = np.random.RandomState(0)
    maps, weights, biases = rng.randn(5, 2, 3, 4), rng.randn(24, 7), rng.randn(7)
    with tf.Graph().as_default(), tf.Session() as session:
        embeddings = embedding_head(tf.constant(maps, tf.float32), 7)
        variables = {v.op.name: v for v in tf.trainable_variables()}
        assert set(variables) == {"embedding/weights", "embedding/biases"}
        session.run(tf.global_variables_initializer())
        start = session.run(variables["embedding/weights"])
        assert session.run(variables["embedding/biases"]).tolist() == [0] * 7
        assert 0.9 < np.abs(start).max() / np.sqrt(6 / (24 + 7)) <= 1  # Xavier, uniform
        variables["embedding/weights"].load(weights, session)
        variables["embedding/biases"].load(biases, session)
        value = session.run(embeddings)
    expected = maps.reshape(5, 24) @ weights + biases
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(value, expected, atol=1e-5)


def test_embedding_of_a_pooled_map():
    """By loops; the generalised mean goes over values of both signs, with exponents besides 3."""
    rng = np.random.RandomState(1)
    maps, weights = 3 * rng.randn(5, 2, 3, 4), rng.randn(4, 7)
    for pool, exponent in (("average", None), ("gem", 3.0), ("gem", 1.7)):
        with tf.Graph().as_default(), tf.Session() as session:
            embeddings = embedding_head(tf.constant(maps, tf.float32), 7, pool)
            again = embedding_head(tf.constant(maps, tf.float32), 7, pool, reuse=True)
            variables = {v.op.name: v for v in tf.trainable_variables()}
            own = {"embedding/exponent"} if pool == "gem" else set()
            assert set(variables) == {"embedding/weights", "embedding/biases"} | own
            session.run(tf.global_variables_initializer())
            variables["embedding/weights"].load(weights, session)
            if pool == "gem":
                assert session.run(variables["embedding/exponent"]) == 3
                variables["embedding/exponent"].load(exponent, session)
                slopes = tf.gradients(embeddings, tf.trainable_variables())
                assert all(np.isfinite(s).all() for s in session.run(slopes))
            found, same = session.run([embeddings, again])
        pooled = np.zeros([5, 4])
        for b, f in np.ndindex(5, 4):
            values = [maps[b, h, w, f] for h in range(2) for w in range(3)]
            if pool == "gem":
                powers = [max(v, 1e-6) ** exponent for v in values]
                pooled[b, f] = np.mean(powers) ** (1 / exponent)
            else:
                pooled[b, f] = np.mean(values)
        expected = pooled @ weights
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        np.testing.assert_array_equal(found, same)


def test_both_towers_have_both_heads_on_the_same_variables():
    with tf.Graph().as_default(), tf.Session() as session:
        train = tower(True)
        count = len(tf.global_variables())
        evaluation = tower(False, reuse=True)
        assert len(tf.global_variables()) == count
        for outputs in (train, evaluation):
            assert outputs.logits.shape.as_list() == [4, 3]
            assert outputs.embeddings.shape.as_list() == [4, 6]
            assert outputs.pooled.shape.as_list() == [4, 1024]
        session.run(tf.global_variables_initializer())
        session.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        logits, embeddings, pooled = session.run(evaluation[:3])
        weights = session.run("MobilenetV1/Logits/Conv2d_1c_1x1/weights:0")[0, 0]
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(logits, pooled @ weights, rtol=1e-3, atol=1e-5)


def test_vanilla_has_no_embedding_head():
    with tf.Graph().as_default():
        assert tower(True, feature_map=None, emb_dim=None).embeddings is None
        assert not any("embedding" in v.op.name for v in tf.global_variables())


def test_another_feature_map_and_an_unknown_one():
    with tf.Graph().as_default():
        tower(False, feature_map="Conv2d_11_pointwise")
        weights = [v for v in tf.trainable_variables() if v.op.name == "embedding/weights"]
        assert weights[0].shape.as_list() == [4 * 4 * 512, 6]
    with tf.Graph().as_default(), pytest.raises(KeyError, match="Conv2d_13_pointwise"):
        tower(False, feature_map="block4")

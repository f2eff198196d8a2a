import numpy as np
import pytest

from data.lists import ImageList
from evaluation.report import attention
from nets import heads
from tests.conftest import write_image
from tests.training.test_trainer import config_of
from training import graphs
from utils.tf1 import tf

RNG = np.random.RandomState(0)


def test_class_maps_split_a_logit():
    maps, weights = RNG.randn(2, 3, 4, 5).astype(np.float32), RNG.randn(5, 6).astype(np.float32)
    biases, classes = RNG.randn(6).astype(np.float32), np.array([4, 1])
    found, rest = attention.class_maps(maps, weights, biases, classes)
    for b, c in enumerate(classes):
        for h in range(3):
            for w in range(4):
                share = sum(maps[b, h, w, f] * weights[f, c] for f in range(5)) / 12
                assert found[b, h, w] == pytest.approx(share, abs=1e-5)
        pooled = maps[b].reshape(12, 5).mean(axis=0)
        logit = sum(pooled[f] * weights[f, c] for f in range(5)) + biases[c]
        assert found[b].sum() + rest[b] == pytest.approx(logit, abs=1e-4)


def test_similarity_maps_split_a_cosine():
    maps = RNG.randn(2, 2, 3, 4).astype(np.float32)
    weights, biases = RNG.randn(24, 5).astype(np.float32), RNG.randn(5).astype(np.float32)
    others = RNG.randn(2, 5).astype(np.float32)
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    found, rest = attention.similarity_maps(maps, weights, biases, others)
    for b in range(2):
        vector = sum(maps[b].ravel()[i] * weights[i] for i in range(24)) + biases
        norm = np.sqrt(sum(vector**2))
        for h in range(2):
            for w in range(3):
                start = (h * 3 + w) * 4
                part = sum(maps[b, h, w, f] * weights[start + f] for f in range(4))
                assert found[b, h, w] == pytest.approx(part @ others[b] / norm, abs=1e-5)
        cosine = vector @ others[b] / norm
        assert found[b].sum() + rest[b] == pytest.approx(cosine, abs=1e-4)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for i in range(3):
        write_image(str(folder / f"{i}.jpg"), (60 * i, 200 - 50 * i, 90), size=(80, 80), seed=i)
    return ImageList(str(folder), [f"{i}.jpg" for i in range(3)], np.array([0, 1, 2], np.int32))


def checkpoint(config, images, folder):
    """Random weights and biases, saved; and what the evaluation tower gives for the images."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        graph = graphs.build_eval_graph(config, images, 4, batch_size=3)
        session.run([tf.global_variables_initializer(), graph.start])
        for variable in tf.trainable_variables():
            if variable.op.name.endswith("biases") and variable.shape[0] in (4, config.emb_dim):
                session.run(variable.assign(RNG.randn(*variable.shape.as_list())))
        prefix = tf.train.Saver().save(session, str(folder / "model.ckpt"), write_meta_graph=False)
        fetches = [graph.images, graph.logits] + [graph.embeddings] * (config.emb_dim is not None)
        return prefix, session.run(fetches)


NETWORKS = {
    "mobile": dict(frame_size=64), "resnet50": dict(frame_size=64), "inc1": dict(frame_size=64),
}  # fmt: skip
MAPS = [
    ("mobile", "flatten"), ("mobile", "average"),
    pytest.param("inc1", "flatten", marks=pytest.mark.ci),
    pytest.param("resnet50", "flatten", marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.parametrize("net, pool", MAPS)
def test_maps_of_a_network_add_up_to_what_they_explain(tmp_path, images, net, pool):
    given = dict(NETWORKS[net], emb_dim=8, resize_min=70, resize_max=80, emb_pool=pool)
    config = config_of(images.folder, tmp_path, net=net, **given)
    prefix, (frames, logits, embeddings) = checkpoint(config, images, tmp_path)
    classes, others = np.array([3, 0, 2]), RNG.randn(3, 8).astype(np.float32)
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    found = attention.explain(config, prefix, images, 4, classes, others)
    assert found.frames.shape == (3, 64, 64, 3) and found.frames.dtype == np.uint8
    for i in range(3):  # the network's input in other units
        shown = found.frames[i].astype(float).ravel()
        assert np.corrcoef(shown, frames[i].ravel())[0, 1] > 0.999
        assert found.frames[i].min() == 0 and found.frames[i].max() == 255
    expected = {
        "classifier": logits[np.arange(3), classes], "embedding": (embeddings * others).sum(axis=1),
    }  # fmt: skip
    for name, totals in expected.items():
        head = getattr(found, name)
        assert head.reason is None and head.maps.shape == (3, 2, 2)
        np.testing.assert_allclose(head.totals, totals, atol=1e-4)
        np.testing.assert_allclose(head.maps.sum(axis=(1, 2)) + head.rest, totals, atol=1e-4)
        assert np.abs(head.rest).min() > 1e-6 and np.ptp(head.maps) > 0


def test_heads_without_maps_say_why(tmp_path, images):
    config = config_of(images.folder, tmp_path, train_mode="vanilla", frame_size=32)
    prefix, _ = checkpoint(config, images, tmp_path)
    found = attention.explain(config, prefix, images, 4, np.array([3, 0, 2]), None)
    assert found.classifier.maps is None and found.embedding.maps is None
    assert found.classifier.reason == "the map that this head uses has only one position"
    assert found.embedding.reason == "this run has no embedding head"


def test_a_generalised_mean_has_no_maps():
    maps, weights = np.abs(RNG.randn(2, 2, 2, 3)), RNG.randn(3, 4)
    others, biases = np.eye(2, 4), np.zeros(4)
    for exponent in (1.0, 3.0):
        pooled = (maps**exponent).mean(axis=(1, 2)) ** (1 / exponent) @ weights
        embeddings = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        found = attention._embedding_maps((maps, weights, biases, embeddings), others)
        assert (found.reason == "this head is not linear in its map") == (exponent > 1)


def test_parts_that_do_not_add_up_are_not_shown():
    maps, classes = RNG.randn(2, 2, 2, 3).astype(np.float32), np.array([0, 1])
    weights, biases = RNG.randn(3, 2).astype(np.float32), np.zeros(2, np.float32)
    logits = maps.mean(axis=(1, 2)) @ weights
    right = attention._classifier_maps((maps, weights, biases, logits), classes)
    assert right.reason is None
    wrong = attention._classifier_maps((maps, weights, biases, np.maximum(logits, 9)), classes)
    assert wrong.maps is None and wrong.reason == "this head is not linear in its map"


def test_the_scope_is_that_of_the_head():
    assert attention.EMBEDDING_SCOPE == heads.SCOPE

import contextlib
import functools
import os

import numpy as np
import pytest
from PIL import Image

from nets import mobilenet_v1
from utils import logs, tf1
from utils.tf1 import slim, tf

CLASSES = ("ant", "bee", "cat", "dog")
SESSION_CONFIG = tf1.session_config


def pytest_configure():
    """Gives each worker a core of its own, as TensorFlow's threads spin while they wait."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker[2:]) % len(cores)]})


def write_image(path, colour, size=(40, 32), seed=0):
    """A noisy picture of one colour, so that classes can be told apart."""
    noise = np.random.RandomState(seed).randint(-30, 31, size[::-1] + (3,))
    pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_tree(root, per_class=10, classes=CLASSES):
    """One subfolder per class, with `per_class` JPEGs each."""
    for c, name in enumerate(classes):
        colour = [60 + 130 * (c >> bit & 1) for bit in range(3)]
        for i in range(per_class):
            write_image(os.path.join(root, name, f"{i}.jpg"), colour, seed=100 * c + i)
    return root


@functools.lru_cache(maxsize=None)
def built_once(build, *args):
    """A function that runs a graph, which is built only once as that takes longer than to run it.

    `build(*args)` returns the tensors to feed and those to fetch; variables can be fed, too.
    """
    with tf.Graph().as_default() as graph:
        inputs, outputs = build(*args)
        session = tf.Session(graph=graph)
    return lambda *values: session.run(outputs, dict(zip(inputs, values)))


def one_layer(images, num_classes, is_training, reuse=None, **options):
    """A convolution and a classifier, in the place of MobileNet."""
    del is_training, options
    with tf.variable_scope("MobilenetV1", reuse=reuse):
        net = slim.conv2d(images, 16, [5, 5], stride=4, scope="Conv")
        pooled = tf.reduce_mean(net, [1, 2], keepdims=True)
        logits = slim.conv2d(pooled, num_classes, [1, 1], activation_fn=None, scope="Logits")
    return tf.squeeze(logits, [1, 2]), {"Conv2d_13_pointwise": net, "AvgPool_1a": pooled}


def whole_frame(contents, augmentation, *draws):
    """The whole of a JPEG, resized, in the place of a crop."""
    del draws
    sides = [augmentation.frame_size] * 2
    return tf.image.resize(tf.image.decode_jpeg(contents, channels=3), sides) / 127.5 - 1


# Number -> (stride, channels): as many pixels and channels in the end as with all thirteen layers.
SHALLOW = {1: (4, 128), 13: (4, 1024)}


@contextlib.contextmanager
def shallow_mobilenet():
    """MobileNet with two of its layers, which is built in a fifth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mobilenet_v1, "SEPARABLE_LAYERS", SHALLOW)
        yield


@pytest.fixture(scope="module")
def small_graphs():
    """For tests of what lies around a network and its input: both are built in no time."""
    from data import augment  # not needed by most
    from nets import factory

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(factory.BACKBONES, "mobile", one_layer)
        patch.setattr(augment, "_frame", whole_frame)
        yield


@pytest.fixture
def no_pictures(monkeypatch):
    """For tests of an evaluation's numbers: it takes most of its time to draw."""
    monkeypatch.setattr("evaluation.files.draw_pictures", lambda *args: None)


@pytest.fixture
def tree(tmp_path):
    return write_tree(str(tmp_path / "tree"))


@pytest.fixture(scope="session")
def shared_tree(tmp_path_factory):
    return write_tree(str(tmp_path_factory.mktemp("shared") / "tree"))


@pytest.fixture(autouse=True)
def _no_paths_from_this_machine(monkeypatch):
    for name in ("DATASETS_DIR", "PRETRAINED_DIR", "CHECKPOINTS_DIR"):
        monkeypatch.delenv(name, raising=False)


def without_optimisation(*device):
    """A session's options: optimising a graph takes longer than the few steps that a test runs."""
    config = SESSION_CONFIG(*device)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


@pytest.fixture(autouse=True)
def _no_log_left_open():
    yield
    logs.stop_log()


@pytest.fixture(autouse=True)
def _no_graph_optimisation(monkeypatch):
    monkeypatch.setattr(tf1, "session_config", without_optimisation)

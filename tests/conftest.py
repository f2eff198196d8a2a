import os

import numpy as np
import pytest
from PIL import Image

from utils import tf1

CLASSES = ("ant", "bee", "cat", "dog")


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


@pytest.fixture(autouse=True)
def _no_graph_optimisation(monkeypatch):
    """Optimising a graph takes longer than the few steps that a test runs of it."""

    session_config = tf1.session_config

    def without_optimisation(*device):
        config = session_config(*device)
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        return config

    monkeypatch.setattr(tf1, "session_config", without_optimisation)

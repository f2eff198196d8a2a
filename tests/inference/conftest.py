import os

import pytest
from tests.conftest import write_tree
from tests.training.test_trainer import train

from inference.predictor import Predictor


@pytest.fixture(scope="session")
def run(shared_tree, tmp_path_factory):
    """The folder of a finished run of both heads on four classes."""
    folder = str(tmp_path_factory.mktemp("predict") / "run")
    train(shared_tree, folder, train_iters=4, emb_dim=8)
    return folder


@pytest.fixture(scope="session")
def vanilla_run(shared_tree, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("predict") / "vanilla")
    train(shared_tree, folder, train_mode="vanilla")
    return folder


@pytest.fixture(scope="session")
def predictor(run):
    with Predictor(run, batch_size=3) as made:
        yield made


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of ten readable images of the four classes, in sub-folders."""
    root = write_tree(str(tmp_path_factory.mktemp("photos")), per_class=3)
    for name in ("ant/2.jpg", "bee/2.jpg"):
        os.remove(os.path.join(root, name))
    return root

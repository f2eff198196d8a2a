import os

import pytest

from inference.predictor import Predictor
from tests.conftest import shallow_mobilenet, write_tree
from tests.training.test_trainer import train


@pytest.fixture(scope="module", autouse=True)
def _shallow_graphs():
    with shallow_mobilenet():
        yield


@pytest.fixture(scope="session")
def run(shared_tree, tmp_path_factory):
    """The folder of a finished run of both heads on four classes."""
    folder = str(tmp_path_factory.mktemp("predict") / "run")
    given = dict(batch_size=16, bn_decay=0.9, eval_every_steps=40, emb_dim=8)
    with shallow_mobilenet():
        train(shared_tree, folder, train_iters=40, **given)
    return folder


@pytest.fixture(scope="session")
def vanilla_run(shared_tree, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("predict") / "vanilla")
    with shallow_mobilenet():
        train(shared_tree, folder, train_mode="vanilla")
    return folder


@pytest.fixture(scope="session")
def predictor(run):
    with shallow_mobilenet():
        made = Predictor(run, batch_size=3)
    with made:
        yield made


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of ten readable images of the four classes, in subfolders."""
    root = write_tree(str(tmp_path_factory.mktemp("photos")), per_class=3)
    for name in ("ant/2.jpg", "bee/2.jpg"):
        os.remove(os.path.join(root, name))
    return root

import os

import numpy as np
import pytest
from PIL import Image

from reproduction import synthetic
from tests.datasets_lists.helpers import contents_of


@pytest.mark.parametrize("name", ["flowers", "birds"])
def test_the_seed_decides_the_pictures(tmp_path, name):
    trees = {}
    for key, seed in (("one", 0), ("same", 0), ("other", 1)):
        root = synthetic.write(name, str(tmp_path / key), images_per_class=6, seed=seed)
        trees[key] = contents_of(root)
    images = [file for file in trees["one"] if file.endswith(".jpg")]
    assert len(images) == 12 and len({trees["one"][file] for file in images}) == 12
    for file in images:
        assert trees["one"][file] == trees["same"][file] != trees["other"][file]
    assert set(trees["one"]) == set(trees["other"])


@pytest.mark.parametrize("num_classes", [2, 5])
def test_pictures_show_their_class(tmp_path, num_classes):
    rng = np.random.RandomState(0)
    means = np.array(
        [
            [
                np.asarray(synthetic.picture(label, num_classes, 48, rng), float).mean((0, 1))
                for _ in range(8)
            ]
            for label in range(num_classes)
        ]
    )  # [C, 8, 3]
    centers = means[:, :4].mean(1)
    for label in range(num_classes):
        distances = np.linalg.norm(means[label, 4:, np.newaxis] - centers, axis=2)
        assert (distances.argmin(axis=1) == label).all()


def test_sizes(tmp_path):
    root = synthetic.write("dogs", str(tmp_path), num_classes=4, images_per_class=6, height=40)
    folders = sorted(os.listdir(os.path.join(root, "Images")))
    assert len(folders) == 4
    file = os.path.join(
        root, "Images", folders[0], os.listdir(os.path.join(root, "Images", folders[0]))[0]
    )
    assert Image.open(file).size == (50, 40)

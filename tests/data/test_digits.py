import os

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from config.datasets import DATASETS
from data import digits, lists
from data.folders import SPLITS
from utils.errors import UserError


def test_digits_are_written_once_and_whole(tmp_path):
    root = str(tmp_path / "digits")
    digits.write(root)
    dataset = lists.load(root, SPLITS, DATASETS["digits"].image_folders)
    counts = {split: len(dataset.splits[split].files) for split in SPLITS}
    assert counts == DATASETS["digits"].counts and sum(counts.values()) == 1797
    source = load_digits()
    for split in SPLITS:
        part = dataset.splits[split]
        rows = [int(name[:4]) for name in part.files]
        np.testing.assert_array_equal(source.target[rows], part.labels)
    with Image.open(part.paths[0]) as image:
        small = np.asarray(image.resize((8, 8), Image.BOX), float)
    assert np.abs(small / 16 - source.images[rows[0]]).mean() < 1.5
    before = os.stat(part.paths[0]).st_mtime_ns
    digits.write(root)
    assert os.stat(part.paths[0]).st_mtime_ns == before
    assert os.listdir(str(tmp_path)) == ["digits"]


@pytest.mark.parametrize("function", ["makedirs", "rename"])
def test_a_folder_that_can_not_be_written_is_named_and_stays_clean(tmp_path, monkeypatch, function):
    def refuse(*args, **kwargs):
        raise OSError(30, "Read-only file system", *args)

    with monkeypatch.context() as patch, pytest.raises(UserError) as caught:
        patch.setattr(os, function, refuse)
        digits.write(str(tmp_path / "digits"))
    message = str(caught.value)
    for words in (str(tmp_path / "digits"), "Read-only file system", "--datasets_dir"):
        assert words in message
    assert os.listdir(str(tmp_path)) == []


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(UserError, match="No space left on device"):
        digits.write(str(tmp_path / "digits"))
    assert os.listdir(str(tmp_path)) == []

import os

import pytest

from data import lists
from data.folders import SPLITS, split_by_class
from tests.conftest import write_image
from utils.errors import UserError


def message_of(call, *args):
    with pytest.raises(UserError) as caught:
        call(*args)
    return str(caught.value)


def test_folder_per_class_is_split_by_the_seeded_rule(tree):
    dataset = lists.load(tree, SPLITS)
    assert dataset.class_map.names == ("ant", "bee", "cat", "dog")
    files = {split: dataset.splits[split].files for split in SPLITS}
    assert {split: len(names) for split, names in files.items()} == {
        "train": 28,
        "val": 4,
        "test": 8,
    }
    assert len(set(sum(files.values(), []))) == 40
    for split in SPLITS:
        labels = [name.split(os.sep)[0] for name in files[split]]
        assert [dataset.class_map.names[i] for i in dataset.splits[split].labels] == labels
    assert lists.load(tree, ["test"]).splits["test"].files == files["test"]


def test_split_folders_above_the_classes(tree, tmp_path):
    root = tmp_path / "splits"
    root.mkdir()
    os.rename(tree, root / "train")
    write_image(str(root / "test" / "bee" / "deep" / "x.PNG"), (1, 2, 3))
    dataset = lists.load(str(root), ["train", "test"])
    assert dataset.splits["test"].files == [os.path.join("test", "bee", "deep", "x.PNG")]
    assert dataset.splits["test"].labels.tolist() == [1]
    assert "no val split" in message_of(lists.load, str(root), ["val"])


def test_folders_without_images_are_named(tree, tmp_path):
    os.makedirs(os.path.join(tree, "empty"))
    assert "empty holds no image" in message_of(lists.load, tree, ["train"])
    (tmp_path / "bare").mkdir()
    assert "neither lists" in message_of(lists.load, str(tmp_path / "bare"), ["train"])


def test_split_by_class_keeps_a_training_image_of_each_class():
    rows = [("one", "a"), ("two", "b"), ("two", "c")] + [("ten", str(i)) for i in range(10)]
    parts = split_by_class(rows)
    assert {label for label, _ in parts["train"]} == {"one", "two", "ten"}
    assert [len([1 for r in parts[s] if r[0] == "ten"]) for s in SPLITS] == [7, 1, 2]
    assert sorted(sum(parts.values(), [])) == sorted(rows)
    assert parts == split_by_class(rows[::-1])
    assert parts != split_by_class(rows, seed=1)

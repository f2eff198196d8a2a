import os

import numpy as np
import pytest

from data import lists
from tests.conftest import write_image
from utils.errors import UserError

TRAIN = ",label,file_name\n0,3,a.jpg\n1,10,b.jpg\n2,3,sub/c.jpg\n"
TEST = ",label,file_name\n0,10,d.jpg\n"


def write(root, name, text):
    os.makedirs(os.path.join(root, "lists"), exist_ok=True)
    with open(os.path.join(root, "lists", name), "w") as file:
        file.write(text)


@pytest.fixture
def root(tmp_path):
    folder = str(tmp_path / "set")
    write(folder, "train_all_sub_list.csv", TRAIN)
    write(folder, "test_all_sub_list.csv", TEST)
    for name in ("a.jpg", "b.jpg", "sub/c.jpg", "d.jpg"):
        write_image(os.path.join(folder, "jpg", name), (9, 9, 9))
    return folder


def load(root, splits=("train", "test"), folders=("jpg", "")):
    return lists.load(root, splits, folders)


def message_of(call, *args, **kwargs):
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_class_index_is_the_rank_among_the_training_labels(root):
    dataset = load(root)
    assert dataset.class_map.labels == (3, 10)  # by value, not by spelling
    assert dataset.class_map.names == ("3", "10")
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert train.files == ["a.jpg", "b.jpg", "sub/c.jpg"]
    np.testing.assert_array_equal(train.labels, [0, 1, 0])
    np.testing.assert_array_equal(test.labels, [1])
    assert train.labels.dtype == np.int32
    assert train.paths[2] == os.path.join(root, "jpg", "sub/c.jpg")


def test_word_labels_sort_by_spelling(root):
    write(
        root, "train_all_sub_list.csv", ",label,file_name\n0,10,a.jpg\n1,b,b.jpg\n2,9,sub/c.jpg\n"
    )
    assert load(root, ["train"]).class_map.labels == ("10", "9", "b")


def test_classes_csv_names_the_classes_and_changes_the_digest(root):
    before = load(root).class_map
    write(root, "classes.csv", "index,name\n3,ant\n10,bee\n")
    after = load(root).class_map
    assert after.names == ("ant", "bee")
    assert before.digest != after.digest and len(after.digest) == 12
    assert load(root).class_map.digest == after.digest


def test_image_folder_is_the_first_that_holds_the_first_image(root):
    assert load(root, folders=("nowhere", "jpg")).splits["train"].folder.endswith("jpg")
    write(root, "train_all_sub_list.csv", TRAIN.replace("a.jpg", "jpg/a.jpg"))
    write(root, "train_all_sub_list.csv", ",label,file_name\n0,10,jpg/a.jpg\n")
    assert load(root, ["train"]).splits["train"].folder == root


@pytest.mark.parametrize(
    "text, words",
    [
        ("", ["can't be read", "train_all"]),
        (",label,file_name\n", ["no row"]),
        (",class,file_name\n0,1,a.jpg\n", ["no column label"]),
        (",label,file_name\n0,1,a.jpg\n1,1,a.jpg\n", ["row 1", "listed twice", "a.jpg"]),
        (",label,file_name\n0,1,../a.jpg\n", ["row 0", "../a.jpg"]),
        (",label,file_name\n0,1,/etc/a.jpg\n", ["row 0", "/etc/a.jpg"]),
        (",label,file_name\n0,1,sub/../../a.jpg\n", ["row 0"]),
        (",label,file_name\n0,1,\n", ["row 0"]),
        (",label,file_name\n0,1,a.jpg\n1,2,b.jpg,7,8\n", ["can't be read"]),
        (",label,file_name\n0,1,a.jpg\n1,2,e.jpg\n2,2,f.jpg\n", ["2 of 3", "e.jpg", "jpg"]),
    ],
)
def test_bad_lists_get_one_sentence(root, text, words):
    write(root, "train_all_sub_list.csv", text)
    message = message_of(load, root)
    for word in words:
        assert word in message


def test_binary_list_and_missing_list(root):
    path = lists.list_path(root, "train")
    with open(path, "wb") as file:
        file.write(b"\xff\xfe\x00\x01" * 20)
    assert path in message_of(load, root)
    os.remove(path)
    assert f"no list {path}" in message_of(load, root)
    assert "no list" in message_of(load, root, ["val"])


def test_test_label_unknown_in_training(root):
    write(root, "test_all_sub_list.csv", ",label,file_name\n0,4,d.jpg\n")
    message = message_of(load, root)
    assert "label 4 of d.jpg" in message and "test list" in message


def test_long_tail_falls_exponentially_from_the_smallest_size():
    labels = np.repeat(np.arange(5), [16, 20, 16, 30, 16])
    whole = lists.ImageList("x", [str(i) for i in range(len(labels))], labels.astype(np.int32))
    tail = lists.long_tail(whole, 16)
    counts = np.bincount(tail.labels)
    assert sorted(counts, reverse=True) == [16, 8, 4, 2, 1]
    assert tail.files == sorted(tail.files, key=int) and len(set(tail.files)) == 31
    np.testing.assert_array_equal(tail.labels, labels[[int(name) for name in tail.files]])
    assert lists.long_tail(whole, 16).files == tail.files
    assert lists.long_tail(whole, 16, seed=1).files != tail.files
    assert np.bincount(lists.long_tail(whole, 1000).labels).min() == 1
    assert len(lists.long_tail(whole, 1).files) == 5 * 16

import gc
import hashlib
import os
import shutil

import numpy as np
import pytest

from data import lists
from data.folders import first_not_below, is_path_below
from tests.conftest import write_image
from utils.errors import UserError

TRAIN = ",label,file_name\n0,3,a.jpg\n1,10,b.jpg\n2,3,sub/c.jpg\n"
TEST = ",label,file_name\n0,10,d.jpg\n"


def write(root, name, text):
    os.makedirs(os.path.join(root, "lists"), exist_ok=True)
    with open(os.path.join(root, "lists", name), "w", newline="", encoding="utf-8") as file:
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
        (",label,file_name\n0,1,a.jpg\n1,10,e.jpg\n2,1,f.jpg\n", ["2 of 3", "e.jpg", "jpg"]),
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


def test_garbage_is_collected_again_after_a_list_is_read(root):
    load(root)
    assert gc.isenabled()
    os.remove(os.path.join(root, "lists", "test_all_sub_list.csv"))
    message_of(load, root)
    assert gc.isenabled()


def test_test_label_unknown_in_training(root):
    write(root, "test_all_sub_list.csv", ",label,file_name\n0,3,b.jpg\n1,4,d.jpg\n")
    message = message_of(load, root)
    assert "label 4 of d.jpg" in message and "test list" in message


def test_a_digest_changes_with_files_labels_and_order(root):
    train = load(root).splits["train"]
    digest = lists.digest_of(train)
    assert digest == lists.digest_of(load(root).splits["train"]) and len(digest) == 12
    files, labels = list(train.files), train.labels
    others = [
        train._replace(files=["b.jpg", "a.jpg", "sub/c.jpg"]),
        train._replace(labels=1 - labels),
        train._replace(files=files[:2], labels=labels[:2]),
        train._replace(files=files[::-1], labels=labels[::-1]),
    ]
    assert len({digest, *map(lists.digest_of, others)}) == 5
    assert lists.digest_of(train._replace(folder="elsewhere")) == digest


def test_files_that_are_trained_on_and_evaluated_on(root):
    assert lists.shared_files(load(root)) == (0, None)
    write(root, "test_all_sub_list.csv", TEST + "1,3,sub/c.jpg\n2,3,./a.jpg\n")
    write(root, "val_all_sub_list.csv", ",label,file_name\n0,10,b.jpg\n")
    dataset = load(root, ("train", "val", "test"))
    first = os.path.join(root, "jpg", "b.jpg")
    assert lists.shared_files(dataset) == (3, first)
    assert lists.shared_files(dataset, ["test"]) == (2, os.path.join(root, "jpg", "sub/c.jpg"))
    assert lists.shared_files(dataset, []) == (0, None)
    assert lists.shared_files(load(root, ["test"])) == (0, None)


def test_the_first_releases_val_list_of_aircrafts_is_named(root):
    write(root, "val_sub_list.csv", TEST)
    message = message_of(load, root, ["val"])
    for words in ("val_all_sub_list.csv", "val_sub_list.csv", "datasets_lists make aircrafts"):
        assert words in message


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop"])
def test_what_is_listed_has_to_be_a_regular_file(root, kind):
    path = os.path.join(root, "jpg", "b.jpg")
    os.remove(path)
    if kind == "folder":
        os.mkdir(path)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        os.symlink("/dev/zero" if kind == "device" else "b.jpg", path)
    assert "1 of 3" in message_of(load, root)
    os.rmdir(path) if kind == "folder" else os.remove(path)
    os.symlink("a.jpg", path)
    assert load(root).splits["train"].files[1] == "b.jpg"


@pytest.mark.promise("a list names a file outside its folder by a link", "it is refused")
@pytest.mark.parametrize("kind", ["file", "folder", "beside"])
def test_no_list_reaches_a_file_outside_by_a_link(root, tmp_path, kind):
    outside = tmp_path / ("jpg-elsewhere" if kind == "beside" else "elsewhere")
    write_image(str(outside / "c.jpg"), (9, 9, 9))
    inside = os.path.join(root, "jpg", "sub")
    shutil.rmtree(inside)
    if kind == "folder":
        os.symlink(str(outside), inside)
    else:
        os.mkdir(inside)
        os.symlink(str(outside / "c.jpg"), os.path.join(inside, "c.jpg"))
    message = message_of(load, root)
    assert "sub/c.jpg of the train list is reached by a link" in message
    assert os.path.join(root, "jpg") in message


def test_a_data_set_may_itself_be_a_link(root, tmp_path):
    os.rename(os.path.join(root, "jpg"), str(tmp_path / "elsewhere"))
    os.symlink(str(tmp_path / "elsewhere"), os.path.join(root, "jpg"))
    os.symlink(root, str(tmp_path / "link"))
    assert len(load(str(tmp_path / "link")).splits["train"].files) == 3


def test_an_image_folder_that_may_not_be_read(root, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    message = message_of(load, root)
    assert os.path.join(root, "jpg") in message and "Permission denied" in message


def test_a_list_costs_one_look_at_each_folder_and_one_at_each_split(root, monkeypatch):
    looked_at, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked_at.append(path) or scandir(path))
    monkeypatch.setattr(os.path, "isfile", lambda path: path.endswith(".csv"))  # no other
    dataset = load(root, ["train", "test", "test"])
    assert list(dataset.splits) == ["train", "test"]
    assert sorted(looked_at) == [os.path.join(root, "jpg", ""), os.path.join(root, "jpg", "sub/")]


def test_names_are_checked_together_as_one_by_one():
    odd = ["", "/", "/a", "..", "../a", "a/..", "a/../b", "a\nb", "\n", "a\x7f", "\udcff", "\x00"]
    plain = ["a.jpg", "b/c d.jpg", "\xe9/\u4e2d.png", "a..b", "...", "..a/b", "\xa0", "-"]
    for names in ([], plain, *[[*plain, name, "z", name] for name in [*odd, *plain]]):
        found = first_not_below(names)
        bad = [i for i, name in enumerate(names) if not is_path_below(name)]
        assert found == (bad[0] if bad else None), names
    assert sum(is_path_below(name) for name in odd) == 0


def test_the_digest_of_stored_runs_stays_the_same():
    labels = np.arange(25000, dtype=np.int32) % 7
    long = lists.ImageList("x", [f"{i}.jpg" for i in range(25000)], labels)
    text = "".join(f"{label}\t{name}\n" for label, name in zip(labels, long.files))
    assert lists.digest_of(long) == hashlib.sha256(text.encode()).hexdigest()[:12]


@pytest.mark.parametrize(
    "text, words",
    [
        (",label,file_name\n0,1,a.jpg\n1,1\n", "row 1 has 2 fields instead of 3"),
        (",label,file_name\n0,1,a.jpg,\n", "row 0 has 4 fields instead of 3"),
        (',label,file_name\n0,1,"a.jpg\n', "can't be read as a CSV list"),
        (",label,file_name\n0,1,a.jpg\n1, ,b.jpg\n", "row 1: '' is not a label"),
    ],
)
def test_a_row_that_does_not_fit_its_header(root, text, words):
    write(root, "train_all_sub_list.csv", text)
    assert words in message_of(load, root)


def test_quotes_blank_lines_spaces_and_other_columns(root):
    text = '\ufefffile_name,size,label\r\n\r\n"a.jpg",1, 07\r\n"sub/c.jpg",2,7 \r\nb.jpg,,8'
    write(root, "train_all_sub_list.csv", text)
    dataset = load(root, ["train"])
    assert dataset.class_map.labels == (7, 8)
    assert dataset.splits["train"].files == ["a.jpg", "sub/c.jpg", "b.jpg"]
    assert dataset.splits["train"].labels.tolist() == [0, 0, 1]


def test_a_list_without_a_class_of_training_is_one_of_unseen_classes(root):
    write(root, "test_all_sub_list.csv", ",label,file_name\n0,12,d.jpg\n1,4,b.jpg\n2,12,a.jpg\n")
    write(root, "val_all_sub_list.csv", ",label,file_name\n0,4,d.jpg\n")
    write(root, "classes.csv", "index,name\n3,three\n10,ten\n12,twelve\n")
    dataset = load(root, ("train", "val", "test"))
    assert dataset.class_map.names == ("three", "ten")
    test, val = dataset.splits["test"], dataset.splits["val"]
    # After the two classes of training; each list counts its own, whatever else is loaded.
    np.testing.assert_array_equal(test.labels, [3, 2, 3])
    assert test.unseen == ("4", "twelve") and dataset.names_of("test")[3] == "twelve"
    np.testing.assert_array_equal(val.labels, [2])
    assert dataset.splits["train"].unseen == () and dataset.names_of("train") == ("three", "ten")
    alone = load(root, ("test",))
    assert lists.digest_of(alone.splits["test"]) == lists.digest_of(test)
    assert alone.class_map.digest == dataset.class_map.digest


@pytest.mark.promise(
    "a list has some classes of training and some others", "it is refused, and the first is named"
)
@pytest.mark.parametrize(
    "rows", ["0,3,d.jpg\n1,4,b.jpg\n", "0,3,d.jpg\n1,four,b.jpg\n"], ids=["numbers", "a word"]
)
def test_a_list_with_some_classes_of_training_and_others_is_refused(root, rows):
    write(root, "test_all_sub_list.csv", ",label,file_name\n" + rows)
    message = message_of(load, root)
    assert "not in the training list, though others are" in message and root in message


def test_lists_of_another_folder(root):
    os.rename(os.path.join(root, "lists"), os.path.join(root, "other"))
    os.makedirs(os.path.join(root, "lists"))
    found = lists.load(root, ("train", "test"), ("jpg", ""), "other")
    assert found.splits["test"].files == ["d.jpg"] and lists.splits_of(root, "other")
    assert "there is no list" in message_of(load, root)

import os

import pytest

from data.lists import load
from datasets_lists import lists
from datasets_lists.annotations import Annotations
from tests.conftest import write_image
from tests.datasets_lists.helpers import contents_of, message_of

TRAIN, TEST = [(1, "b/1.jpg"), (0, 'a,"x"/2.jpg')], [(1, "b/3.jpg")]
NAMES = ("Auk, small", "Wren")


def annotations(class_names=NAMES, **splits):
    splits = splits or {"train": TRAIN, "test": TEST}
    return Annotations(class_names, splits, dict.fromkeys(splits, "somewhere"))


WITH_VAL = annotations(train=TRAIN, val=TEST, trainval=TRAIN + TEST, test=[(0, "a/4.jpg")])


def read(root, name):
    with open(os.path.join(str(root), "lists", name), newline="") as file:
        return file.read()


def names_in(root):
    return sorted(os.listdir(os.path.join(str(root), "lists")))


def test_the_text_is_that_of_the_first_release(tmp_path):
    assert lists.write(str(tmp_path), annotations())
    assert read(tmp_path, "train_all_sub_list.csv") == (
        ',label,file_name\n0,1,b/1.jpg\n1,0,"a,""x""/2.jpg"\n'
    )
    assert read(tmp_path, "test_all_sub_list.csv") == ",label,file_name\n0,1,b/3.jpg\n"
    assert read(tmp_path, "classes.csv") == 'index,name\n0,"Auk, small"\n1,Wren\n'
    assert len(names_in(tmp_path)) == 3 and os.listdir(str(tmp_path)) == ["lists"]


def test_what_is_written_is_what_training_reads(tmp_path):
    lists.write(str(tmp_path), WITH_VAL)
    for file in ("b/1.jpg", 'a,"x"/2.jpg', "b/3.jpg", "a/4.jpg"):
        write_image(str(tmp_path / "jpg" / file), (9, 9, 9))
    found = load(str(tmp_path), ["train", "val", "test"], ("jpg",))
    assert found.class_map.names == NAMES and found.class_map.labels == (0, 1)
    assert found.splits["train"].files == ["b/1.jpg", 'a,"x"/2.jpg']
    assert found.splits["train"].labels.tolist() == [1, 0]
    assert found.splits["val"].files == ["b/3.jpg"]


def test_equal_lists_are_left(tmp_path):
    lists.write(str(tmp_path), WITH_VAL)
    before = {name: os.stat(str(tmp_path / "lists" / name)) for name in names_in(tmp_path)}
    assert not lists.write(str(tmp_path), WITH_VAL)
    assert {name: os.stat(str(tmp_path / "lists" / name)) for name in names_in(tmp_path)} == before


def test_lists_with_other_line_ends_are_equal(tmp_path):
    lists.write(str(tmp_path), annotations())
    path = tmp_path / "lists" / "train_all_sub_list.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not lists.write(str(tmp_path), annotations())


def test_lists_that_differ_are_kept_unless_told(tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "test_all_sub_list.csv").write_text(",label,file_name\n0,2,b/3.jpg\n")
    (tmp_path / "lists" / "notes.txt").write_text("mine")
    (tmp_path / "lists" / "more").mkdir()
    (tmp_path / "lists" / "more" / "x.csv").write_text("mine too")
    before = contents_of(tmp_path)
    message = message_of(lists.write, str(tmp_path), annotations())
    assert str(tmp_path / "lists" / "test_all_sub_list.csv") in message
    assert "differs" in message and "--overwrite" in message
    assert contents_of(tmp_path) == before
    assert lists.write(str(tmp_path), annotations(), overwrite=True)
    after = contents_of(tmp_path)
    for name in ("notes.txt", "more/x.csv"):
        assert after["lists/" + name] == before["lists/" + name]
    assert ",1,b/3.jpg" in read(tmp_path, "test_all_sub_list.csv")
    assert os.listdir(str(tmp_path)) == ["lists"]


def test_missing_lists_join_equal_ones(tmp_path):
    lists.write(str(tmp_path), annotations())
    os.remove(str(tmp_path / "lists" / "classes.csv"))
    assert lists.write(str(tmp_path), annotations())
    assert "classes.csv" in names_in(tmp_path)


def test_a_list_of_a_split_that_is_no_more_does_not_stay(tmp_path):
    lists.write(str(tmp_path), WITH_VAL)
    message = message_of(lists.write, str(tmp_path), annotations())
    assert "val_all_sub_list.csv" in message
    lists.write(str(tmp_path), annotations(), overwrite=True)
    assert names_in(tmp_path) == ["classes.csv", "test_all_sub_list.csv", "train_all_sub_list.csv"]


@pytest.mark.parametrize("fails_at", [0, 1, 2, 3])
@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_at_any_point_leaves_what_was_there(tmp_path, monkeypatch, fails_at, existing):
    if existing:
        lists.write(str(tmp_path), WITH_VAL)
    before = contents_of(tmp_path)
    calls = []

    def failing(function):
        def call(*args, **kwargs):
            if function is open and "w" not in args:
                return open(*args, **kwargs)
            calls.append(function)
            if len(calls) > fails_at:
                raise OSError(28, "No space left on device")
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(os, "rename", failing(os.rename))
    monkeypatch.setattr(lists, "open", failing(open), raising=False)
    message = message_of(lists.write, str(tmp_path), annotations(), overwrite=True)
    assert "can't be written" in message and "No space left" in message
    assert contents_of(tmp_path) == before
    assert [name for name in os.listdir(str(tmp_path)) if name != "lists"] == []


def test_lists_behind_a_link_are_changed_where_they_are(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "set").mkdir()
    os.symlink(str(tmp_path / "elsewhere"), str(tmp_path / "set" / "lists"))
    lists.write(str(tmp_path / "set"), annotations())
    assert os.path.islink(str(tmp_path / "set" / "lists"))
    assert (tmp_path / "elsewhere" / "classes.csv").exists()


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    assert "can't be written" in message_of(lists.write, str(tmp_path / "file"), annotations())

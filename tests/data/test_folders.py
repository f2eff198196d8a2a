import os

import pytest

from data import folders, lists
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


def image(root, *names):
    for name in names:
        write_image(os.path.join(str(root), name), (1, 2, 3))


def empty(root, *names):
    for name in names:
        os.makedirs(os.path.dirname(os.path.join(str(root), name)), exist_ok=True)
        open(os.path.join(str(root), name), "w").close()


SYSTEM = ("__MACOSX", "@eaDir", ".git", "$RECYCLE.BIN", "lost+found")


def test_what_a_system_leaves_is_neither_class_nor_image(tree):
    before = folders.read_folders(tree)
    for name in SYSTEM:
        image(tree, f"{name}/1.jpg", f"ant/{name}/1.jpg")
    empty(tree, "ant/Thumbs.db", ".DS_Store", "bee/._0.jpg", "cat/Icon\r")
    assert folders.read_folders(tree) == before
    entries = folders.walk(tree)
    assert [e for e in entries if e.kind != "system"] == [
        e for e in entries if e.kind in ("image", "folder")
    ]
    text = folders.left_out(entries, {e.name for e in entries if e.kind == "image"})
    assert text == "left out: 14 system files or folders such as $RECYCLE.BIN"


def test_webp_is_an_image_and_other_formats_are_counted_with_the_remedy(tree, caplog):
    image(tree, "ant/new.webp", "ant/NEW.WebP", "ant/download.jfif")
    empty(tree, "ant/b.heic", "ant/a.HEIC", "bee/c.heic", "bee/scan.tiff", "bee/notes.txt")
    image(tree, "loose.jpg")
    dataset = lists.load(tree, SPLITS)
    files = sum((part.files for part in dataset.splits.values()), [])
    assert {"ant/new.webp", "ant/NEW.WebP", "ant/download.jfif"} < set(files)
    lists.load(tree, ["train"])
    (record,) = caplog.records  # once, however often the data set is loaded
    assert record.name == "two_head" and record.levelname == "WARNING"
    assert record.getMessage() == (
        "left out: 1 image outside the class folders, loose.jpg, 3 .heic files such as ant/a.HEIC"
        " (convert them to JPEG or PNG), 1 .tiff file, bee/scan.tiff (convert them to JPEG or PNG),"
        " 1 other file, bee/notes.txt"
    )


def test_nothing_is_said_where_nothing_is_left_out(tree, caplog):
    lists.load(tree, SPLITS)
    assert caplog.records == []


def test_a_class_of_unread_images_alone_says_so(tree):
    empty(tree, "eel/1.heic", "eel/deep/2.heic")
    message = message_of(lists.load, tree, ["train"])
    assert "eel holds no image" in message and "2 .heic files" in message and "convert" in message


def test_folders_beside_the_splits_are_counted(tree, tmp_path):
    root = str(tmp_path / "splits")
    os.mkdir(root)
    os.rename(tree, os.path.join(root, "train"))
    image(root, "valid/ant/1.jpg", "valid/ant/2.jpg")
    rows = folders.read_folders(root)
    assert set(rows) == {"train"}
    text = folders.left_out(folders.walk(root), [name for _, name in rows["train"]])
    assert text == "left out: 2 images outside the class folders such as valid/ant/1.jpg"


def test_only_regular_files_are_taken_and_links_are_followed(tree, tmp_path):
    image(tmp_path, "elsewhere/x.jpg", "elsewhere/deep/y.jpg")
    os.mkfifo(os.path.join(tree, "ant", "pipe.jpg"))
    for end, name in (
        ("/dev/zero", "ant/zero.jpg"),
        ("nowhere", "ant/broken.jpg"),
        ("loop.jpg", "ant/loop.jpg"),
        ("0.jpg", "ant/linked.jpg"),
        (str(tmp_path / "elsewhere"), "ant/folder"),
    ):
        os.symlink(end, os.path.join(tree, name))
    entries = folders.walk(tree)
    special = {name for kind, name in entries if kind == "special"}
    assert special == {f"ant/{name}.jpg" for name in ("pipe", "zero", "broken", "loop")}
    files = {name for _, name in folders.files_of_classes(tree)}
    assert {"ant/linked.jpg", "ant/folder/x.jpg", "ant/folder/deep/y.jpg"} < files
    assert len(files) == 43
    assert "4 names that are not regular files" in folders.left_out(entries, ())


def test_loops_of_links_end_and_no_image_is_taken_twice(tree):
    before = folders.files_of_classes(tree)
    for name in ("ant/up", "bee/up", "ant/self", "zebra"):
        os.symlink(tree, os.path.join(tree, name))
    for i in range(8):
        for j in range(8):
            os.makedirs(os.path.join(tree, "ant", str(i)), exist_ok=True)
            os.symlink(os.path.join("..", str(j)), os.path.join(tree, "ant", str(i), f"to{j}"))
    assert folders.files_of_classes(tree) == before
    links = [name for kind, name in folders.walk(tree) if kind == "link"]
    assert len(links) == 4 + 64


@pytest.mark.parametrize("name", [b"ant/\xff.jpg", b"\xff/1.jpg", b"ant/a\nb.jpg", b"ant/\x1b.jpg"])
def test_a_name_that_is_no_text(tree, name):
    path = os.path.join(os.fsencode(tree), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").close()
    message = message_of(lists.load, tree, ["train"])
    assert "rename it" in message and message.isprintable()


def test_a_folder_that_may_not_be_read(tree, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("bee"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    message = message_of(lists.load, tree, ["train"])
    assert os.path.join(tree, "bee") in message and "Permission denied" in message


@pytest.mark.promise(
    "a list names a file by `..`, an absolute path or a line break", "it is refused"
)
@pytest.mark.parametrize(
    "name, fits",
    [
        ("a.jpg", True),
        ("a/..b/c d\u00e9.jpg", True),
        ("", False),
        ("/a.jpg", False),
        ("../a.jpg", False),
        ("a/../b.jpg", False),
        ("a/..", False),
        ("a\n.jpg", False),
        ("a\0.jpg", False),
        ("a\x85.jpg", False),
        ("a\u2028.jpg", False),
        ("a\u2029b.jpg", False),
        ("a\udcff.jpg", False),
    ],
)
def test_paths_below_a_folder(name, fits):
    assert folders.is_path_below(name) == fits

"""Lists of random bytes and trees of odd files: a data set or one sentence, never a traceback."""

import os
import random

import pytest

from data import lists
from utils.errors import UserError

HEADER = b",label,file_name\n"
PIECES = [
    HEADER, b"label,file_name\n", b"0,1,a.jpg\n", b"1,2,b.jpg\n", b"2,1,../a.jpg\n", b"2,,b.jpg\n",
    b"2,1\n", b"\n", b",,\n", b"0,1,a.jpg,9\n", b'0,"1\n', b'0,1,"a\n.jpg"\n', b"\x00", b"\xff\xfe",
    b"\xc3\xa9", b"\xef\xbb\xbf", b"2,1,a\x00.jpg\n", b"2,1,/etc/passwd\n", b"\r", b"\r\n",
    b"3,nan,a.jpg\n", b"3,1e400,b.jpg\n", b"3," + b"9" * 5000 + b",b.jpg\n", b"3,1,a.jpg/b\n",
    b"3,1," + b"x" * 5000 + b"\n", b"3,-1,b.jpg\n", b"3, 1 , b.jpg\n", b"3,\xef\xbc\x91,b.jpg\n",
    b"4,1,.\n",
]  # fmt: skip
NAMES = [
    b"a.jpg", b"b.PNG", b"c.webp", b"d.heic", b"notes.txt", b".DS_Store", b"__MACOSX", b"train",
    b"val", b"test", b"ant", b"bee", b"lists", b"-", b" ", b"\xc3\xa9.jpg",
]  # fmt: skip
RARE_NAMES = [b"\xff.jpg", b"e\n.jpg", b"\x7f"]


def some_bytes(rng):
    text = b"0,1,a.jpg\n" * (rng.random() < 0.7)
    text += b"".join(rng.choice(PIECES) for _ in range(rng.randrange(3)))
    return (HEADER if rng.random() < 0.7 else b"") + text


def write_lists(rng, root):
    os.makedirs(os.path.join(root, b"lists"))
    for name in (b"a.jpg", b"b.jpg"):
        open(os.path.join(root, name), "w").close()
    for split in (b"train", b"test"):
        with open(os.path.join(root, b"lists", split + b"_all_sub_list.csv"), "wb") as file:
            file.write(some_bytes(rng))
    if rng.random() < 0.3:
        with open(os.path.join(root, b"lists", b"classes.csv"), "wb") as file:
            file.write(rng.choice([b"index,name\n", b""]) + some_bytes(rng))


def write_tree(rng, folder, depth=0):
    os.makedirs(folder)
    rare = RARE_NAMES if rng.random() < 0.1 else []
    if depth and rng.random() < 0.9:
        open(os.path.join(folder, b"first.jpg"), "w").close()
    for name in rng.sample(NAMES + rare, rng.randrange(1, 7)):
        path, dice = os.path.join(folder, name), rng.random()
        if depth < 3 and (dice < 0.5 or depth == 0):
            write_tree(rng, path, depth + 1)
        elif dice < 0.85:
            open(path, "w").close()
        elif dice < 0.9:
            os.mkfifo(path)
        else:
            os.symlink(rng.choice([b"/dev/zero", b"..", b".", name, b"nowhere", b"../ant"]), path)


@pytest.mark.parametrize("write", [write_lists, write_tree])
def test_anything_gives_a_data_set_or_one_sentence(tmp_path, write):
    outcomes = []
    for seed in range(150):
        root = str(tmp_path / str(seed))
        write(random.Random(seed), os.fsencode(root))
        try:
            dataset = lists.load(root, ["train"])
        except UserError as error:
            text = str(error)
            assert "\n" not in text and text.isprintable(), text
            outcomes.append(False)
            continue
        outcomes.append(True)
        for part in dataset.splits.values():
            assert len(part.files) == len(part.labels) > 0
            assert all(os.path.isfile(path) for path in part.paths)
            assert len(lists.digest_of(part)) == len(dataset.class_map.digest) == 12
    assert 10 < sum(outcomes) < 140


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_list_that_is_no_file(tmp_path, kind):
    root = str(tmp_path)
    os.makedirs(os.path.join(root, "lists"))
    path = lists.list_path(root, "train")
    (os.mkdir if kind == "folder" else os.mkfifo)(path)
    with pytest.raises(UserError, match="is not a file"):
        lists.load(root, ["train"])

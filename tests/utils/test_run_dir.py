import os
import random

import pytest

from utils import run_dir
from utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def make_run(path, args):
    os.makedirs(path)
    run_dir.write_json(os.path.join(path, "args.json"), args)
    return path


def test_a_new_and_a_resumed_folder(tmp_path):
    path = str(tmp_path / "a" / "run")
    assert not run_dir.exists(path, "resume")
    assert not os.path.exists(path)
    run_dir.make(path)
    assert not run_dir.exists(path, "fail")  # empty: nothing to lose
    run_dir.write_json(os.path.join(path, "args.json"), {"seed": 1})
    assert run_dir.exists(path, "resume")
    run_dir.make(path)
    assert os.listdir(path) == ["args.json"]


def test_fail_and_overwrite(tmp_path):
    path = make_run(str(tmp_path / "run"), {})
    with pytest.raises(UserError, match="already exists"):
        run_dir.exists(path, "fail")
    assert not run_dir.exists(path, "overwrite")
    assert os.listdir(path) == ["args.json"]


@pytest.mark.promise(
    "--on_exist overwrite meets the user's own files", "only what a run wrote is removed"
)
def test_only_what_a_run_wrote_is_cleared(tmp_path):
    path = make_run(str(tmp_path / "run"), {})
    os.makedirs(os.path.join(path, "best"))
    os.makedirs(os.path.join(path, "eval", "test"))
    written = ["model.ckpt-3.index", "log.txt", "metrics.csv", "events.out.tfevents.1.x",
               "checkpoint", "best/model.ckpt-3.index", "eval/test/metrics.json"]  # fmt: skip
    mine = ["start.npz", "photos.csv", "model.npz", "other.ckpt-3.index", "log"]
    for name in written + mine:
        with open(os.path.join(path, name), "w") as file:
            file.write("x")
    run_dir.clear(path, "log", "model.ckpt")
    assert sorted(os.listdir(path)) == sorted(mine)
    with open(os.path.join(path, "best"), "w") as file:
        file.write("x")
    run_dir.clear(path, "log", "model.ckpt")
    assert "best" in os.listdir(path)


@pytest.mark.parametrize("on_exist", ["resume", "overwrite", "fail"])
def test_what_is_no_run_folder_is_never_touched(tmp_path, on_exist):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_text("me")
    (tmp_path / "file").write_text("me")
    for name in ("photos", "file"):
        with pytest.raises(UserError, match="not a run folder"):
            run_dir.exists(str(tmp_path / name), on_exist)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        run_dir.make(str(tmp_path / "file" / "run"))


def test_class_maps_are_compared_by_label_and_name(tmp_path):
    folder = str(tmp_path)
    with pytest.raises(UserError, match="can't be read"):
        run_dir.check_classes(folder, [1], ["a"])
    run_dir.write_classes(folder, [1, 10], ["ant", "bee, wild"])
    run_dir.check_classes(folder, [1, 10], ["ant", "bee, wild"])
    with pytest.raises(UserError, match="class 1 was bee, wild, now it is cat"):
        run_dir.check_classes(folder, [1, 10], ["ant", "cat"])
    with pytest.raises(UserError, match="it had 2, now there are 1"):
        run_dir.check_classes(folder, [1], ["ant"])
    with pytest.raises(UserError):
        run_dir.check_classes(folder, [1, 11], ["ant", "bee, wild"])


def test_a_damaged_class_map_gets_one_sentence(tmp_path):
    path, rng = tmp_path / "classes.csv", random.Random(1)
    run_dir.write_classes(str(tmp_path), range(9), [f"class {i}" for i in range(9)])
    whole = path.read_bytes()
    odd = [b"", b"\n", b"index,label\n", whole + b"9\n", whole + b"\n", whole + b"\0",
           b"\xff" + whole, b'"' + whole, whole.replace(b",3,", b",3,4,"),
           whole.replace(b"class 2", b"a\nb"), whole.replace(b"class 2", b'"a\nb"')]  # fmt: skip
    for _ in range(300):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] = rng.choice([0, 10, 13, 34, 44, 255])
        odd.append(bytes(changed[: rng.choice([rng.randrange(len(whole)), len(whole)])]))
    for contents in odd:
        path.write_bytes(contents)
        try:
            run_dir.check_classes(str(tmp_path), range(9), [f"class {i}" for i in range(9)])
        except UserError as error:
            assert "unpack" not in str(error)
            assert len(str(error).splitlines()) == 1 and "classes" in str(error)
            assert str(error).isprintable()
        else:
            assert b"".join(contents.split()) == b"".join(whole.split())


@pytest.mark.parametrize(
    "name", ["best", "eval", "args.json", "classes.csv", "metrics.csv", "log.txt"]
)
def test_a_folder_in_place_of_a_file_and_the_other_way_round(tmp_path, name):
    path = tmp_path / name
    path.mkdir() if "." in name else path.write_text("")
    kind = "file" if "." in name else "folder"
    with pytest.raises(UserError, match=f"{name} is not a {kind}"):
        run_dir.make(str(tmp_path))

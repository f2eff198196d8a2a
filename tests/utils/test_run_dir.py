import json
import os

import pytest

from utils import run_dir
from utils.errors import UserError


def make_run(path, args):
    os.makedirs(path)
    run_dir.write_json(os.path.join(path, "args.json"), args)
    return path


def test_a_new_and_a_resumed_folder(tmp_path):
    path = str(tmp_path / "a" / "run")
    assert run_dir.inspect(path, "resume") is None
    assert not os.path.exists(path)
    run_dir.make(path, "resume")
    assert run_dir.inspect(path, "fail") is None  # empty: nothing to lose
    run_dir.write_json(os.path.join(path, "args.json"), {"seed": 1})
    assert run_dir.inspect(path, "resume") == {"seed": 1}
    run_dir.make(path, "resume")
    assert os.listdir(path) == ["args.json"]


def test_fail_and_overwrite(tmp_path):
    path = make_run(str(tmp_path / "run"), {})
    with pytest.raises(UserError, match="there already"):
        run_dir.inspect(path, "fail")
    assert run_dir.inspect(path, "overwrite") is None
    assert os.listdir(path) == ["args.json"]
    run_dir.make(path, "overwrite")
    assert os.listdir(path) == []


@pytest.mark.parametrize("on_exist", ["resume", "overwrite", "fail"])
def test_what_is_no_run_folder_is_never_touched(tmp_path, on_exist):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_text("me")
    (tmp_path / "file").write_text("me")
    for name in ("photos", "file"):
        with pytest.raises(UserError, match="not a run folder"):
            run_dir.inspect(str(tmp_path / name), on_exist)


def test_unwritable_and_damaged_folders(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        run_dir.make(str(tmp_path / "file" / "run"), "resume")
    path = make_run(str(tmp_path / "run"), {})
    with open(os.path.join(path, "args.json"), "w") as file:
        file.write('{"seed": ')
    with pytest.raises(UserError, match="args.json"):
        run_dir.inspect(path, "resume")


def test_changed_compares_what_json_keeps():
    stored = json.loads(json.dumps({"a": 1, "b": (1, 2), "c": None, "old": 0}))
    assert run_dir.changed(stored, {"a": 1.0, "b": (1, 2), "c": None}) == {}
    assert run_dir.changed(stored, {"a": 2, "new": 3}) == {"a": (1, 2), "new": (None, 3)}


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

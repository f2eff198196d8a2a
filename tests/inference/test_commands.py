import csv
import os
import shutil
import subprocess
import sys

import pytest

from inference import commands, flags
from inference import index as index_files
from tests.conftest import write_image, write_tree
from utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def do(*words):
    """Runs a command; returns how many images were broken, and what was shown and noted."""
    shown, noted = [], []
    command, given = flags.parse([str(word) for word in words])
    broken = commands.COMMANDS[command](given, shown.append, noted.append)
    assert not any("\n" in line for line in shown + noted)
    return broken, shown, noted


def message_of(*words):
    with pytest.raises(UserError) as caught:
        do(*words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rows_of(path):
    with open(str(path), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_everything_at_once(run, photos, tmp_path):
    (tmp_path / "broken.jpg").write_text("hello")
    words = ["--run_dir", run, photos, tmp_path / "broken.jpg", "--neighbours", 3, "--faiss",
             "--unknown", "--csv", tmp_path / "a.csv", "--html", tmp_path / "a.html",
             "--space", "both", "--tta", "flip", "--batch_size", 4]  # fmt: skip
    pytest.importorskip("faiss")
    broken, shown, noted = do(*words)
    assert broken == 1 and len(shown) == 10
    assert all("agree" in line and "nearest" in line for line in shown)
    assert "faiss finds 1.0000 of the exact neighbours" in noted[0]
    assert "threshold from 4 validation images" in noted[1]
    assert noted[2].startswith(f"{tmp_path}/broken.jpg: it can't be decoded")
    assert noted[3] == "1 of 11 images can't be read"
    rows = rows_of(tmp_path / "a.csv")
    assert len(rows) == 11 and rows[-1]["error"] and rows[0]["neighbour3_distance"]
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 11 and "each image and its mirror image" in page


def test_without_the_data_set_there_are_labels_alone(run, photos, tmp_path):
    words = ["--run_dir", run, photos, "--dataset_path", tmp_path / "none"]
    broken, shown, noted = do(*words)
    assert broken == 0 and len(shown) == 10 and "nearest" not in "".join(shown)
    assert len(noted) == 1 and noted[0].startswith("no neighbours: there is no folder")
    assert do("--run_dir", run, photos, "--gallery", "none")[1:] == (shown, [])
    for flag in (["--neighbours", 2], ["--unknown"], ["--faiss"], ["--space", "pooled"]):
        assert "there is no folder" in message_of(*words, *flag)
    assert "there is no folder" in message_of(*words, "--gallery", "train")


def test_an_index_is_built_enrolled_in_and_searched(run, photos, tmp_path):
    index = str(tmp_path / "i.npz")
    broken, shown, _ = do("index", "--run_dir", run, "--gallery", "train", "--out", index)
    assert broken == 0 and shown == [f"28 images of 4 classes in {index}"]
    with open(index, "rb") as file:
        before = file.read()
    folder = tmp_path / "fox [1]"
    for i in range(4):
        write_image(str(folder / f"{i}.jpg"), (60, 60, 190), seed=i)
    (folder / "x.jpg").write_text("")
    broken, shown, noted = do("enrol", "--index", index, "--class", "fox", folder)
    assert broken == 1 and noted == [f"{folder}/x.jpg: the file is empty"]
    assert shown == ["+4 images, now 32 of 5 classes"]
    assert "has a class fox already" in message_of(
        "enrol", "--index", index, "--class", "fox", folder
    )
    given = ["--run_dir", run, "--gallery", index, "--dataset_path", tmp_path / "none"]
    broken, shown, noted = do(*given, folder / "0.jpg", "--neighbours", 1)
    assert "fox 1.000 (neighbours)  agree -" in shown[0] and not noted
    assert "(fox, 0.000)" in shown[0]
    assert do("enrol", "--index", index, "--forget", "fox")[1] == ["-4 images, now 28 of 4 classes"]
    with open(index, "rb") as file:
        assert file.read() == before
    moved = shutil.copytree(run, str(tmp_path / "moved"))
    words = ["--index", index, "--class", "fox", folder, "--run_dir", moved]
    assert do("enrol", *words)[0] == 1
    assert index_files.read(index).files[-1] == os.path.relpath(
        str(folder / "3.jpg"), index_files.read(index).folder
    )


def test_bad_input(run, vanilla_run, photos, tmp_path):
    photo = os.path.join(photos, "ant", "0.jpg")
    index, other = str(tmp_path / "i.npz"), str(tmp_path / "o.npz")
    do("index", "--run_dir", run, "--gallery", photos, "--out", index)
    do("index", "--run_dir", vanilla_run, "--gallery", photos, "--out", other)
    eels = write_tree(str(tmp_path / "eels"), per_class=1, classes=("eel",))
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.csv").write_text("name\nx\n")
    bare = shutil.copytree(run, str(tmp_path / "bare"), ignore=shutil.ignore_patterns("model*"))
    (tmp_path / "mine.npz").write_text("mine")
    us = ["--run_dir", run]
    for expected, words in {
        "holds no checkpoint": ["--run_dir", bare, photo],
        "no args.json": ["--run_dir", tmp_path / "empty", photo],
        "has the class eel": [*us, photo, "--gallery", eels],
        "can't be compared": [*us, photo, "--gallery", other],
        "can't be read as an index": [*us, photo, "--gallery", tmp_path / "mine.npz"],
        "is empty": [*us, tmp_path / "empty"],
        "--neighbours 11 is more than the 10": [*us, photo, "--gallery", index, "--neighbours", 11],
        "--space embedding: a vanilla run": [
            "--run_dir", vanilla_run, photo, "--gallery", photos, "--space", "embedding"],
        "no column": [*us, tmp_path / "list.csv"],
        "can't be written": [*us, photo, "--csv", tmp_path / "none" / "a.csv"],
        "not a regular file": [*us, photo, "--html", tmp_path],
        "is also an input": [*us, photo, "--csv", photo],
        "--csv and --html are the same file": [*us, photo, "--csv", "a", "--html", "./a"],
        "already exists": ["index", *us, "--gallery", photos, "--out", tmp_path / "mine.npz"],
        "neither a split nor a folder": [
            "index", *us, "--gallery", index, "--out", tmp_path / "new"],
        "there is no folder": ["enrol", "--index", index, "--class", "x", tmp_path / "none"],
        "choose another name": ["enrol", "--index", index, "--class", "ant", photos],
        "no class x was enrolled": ["enrol", "--index", index, "--forget", "x"],
        "an index: it is damaged": ["enrol", "--index", tmp_path / "mine.npz", "--forget", "x"],
        "there is no checkpoint": [
            "enrol", "--index", index, "--class", "x", photos, "--run_dir", vanilla_run],
    }.items():  # fmt: skip
        assert expected in message_of(*words), words
    assert (tmp_path / "mine.npz").read_text() == "mine"
    assert not [name for name in os.listdir(str(tmp_path)) if "tmp" in name or name == "new"]


# The script, with the network of the run.
SHALLOW = """
import runpy, sys
from tests.conftest import shallow_mobilenet
del sys.argv[0]
with shallow_mobilenet():
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def script(*words, **kwargs):
    command = [sys.executable, "-c", SHALLOW, "predict.py", *map(str, words)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs
    )


def test_the_script_reads_names_from_standard_input(run, photos, tmp_path):
    name = os.path.join(photos, "ant", "0.jpg")
    process = script("--run_dir", run, "-", "--gallery", "none", stdin=subprocess.PIPE)
    output, errors = process.communicate(
        f"{name}\0{tmp_path}/no\nne\udcff".encode("utf-8", "surrogateescape")
    )
    assert process.returncode == 1
    assert output.decode().startswith(f"{name}  ") and len(output.splitlines()) == 1
    assert b"no\\nne\\udcff: no such file or directory" in errors and b"Traceback" not in errors


def test_nobody_reads_on(run, photos):
    process = script("--run_dir", run, photos, "--gallery", "none")
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait() == 1 and errors == b""


def test_the_script_refuses_in_one_sentence(tmp_path):
    process = script("--run_dir", tmp_path, "x.jpg")
    output, errors = process.communicate()
    assert process.returncode == 2 and output == b"" and len(errors.splitlines()) == 1
    assert errors.startswith(b"predict.py: error: ")

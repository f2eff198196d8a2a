"""Odd surroundings of a whole run: encodings, working folders, optimised Python, closed pipes."""

import json
import os
import subprocess
import sys

import pytest

from tests.test_program import ROOT, TINY


def run(words, cwd, **changes):
    environment = dict(os.environ, **{k: v for k, v in changes.items() if k != "flags"})
    return subprocess.run(
        [sys.executable, *changes.pop("flags", ()), os.path.join(ROOT, words[0]), *words[1:]],
        cwd=str(cwd), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.ci
@pytest.mark.promise(
    "an ASCII terminal, a wrong MPLBACKEND, python -O, a hostile folder name, a link to it",
    "a run works as everywhere",
)
def test_an_ascii_terminal_nonsense_for_a_backend_and_no_assertions(tree, tmp_path):
    """And a folder whose name is Chinese, with a star, brackets and spaces in it.

    The run is then resumed by a link, with a relative path of its images, both ending in a slash.
    """
    place = tmp_path / "[鸢尾花] * ?"
    place.mkdir()
    os.rename(tree, str(place / "images"))
    words = [word for word in TINY if word not in ("--run_dir", "run")]
    words = ["main.py", *words, "--train_iters", "1", "--run_dir", str(place / "run [1]")]
    words += ["--dataset_path", str(place / "images")]
    done = run(
        words, tmp_path, PYTHONIOENCODING="ascii", MPLBACKEND="nonsense", flags=["-O"],
        PYTHONCOERCECLOCALE="0", LC_ALL="C",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert (
        done.stdout.decode("ascii").splitlines()[-1].endswith("\\u9e22\\u5c3e\\u82b1] * ?/run [1]")
    )
    folder = place / "run [1]"
    assert (folder / "model.ckpt-1.index").exists()
    with open(str(folder / "eval" / "test" / "metrics.json")) as file:
        assert json.load(file)["checkpoint"] == "model.ckpt-1"
    os.symlink(str(place), str(tmp_path / "link"))
    words[-3] = os.path.join(str(tmp_path), "link", "run [1]", "")
    words[-1] = os.path.join(place.name, "images", "")
    again = run(words, tmp_path)
    assert again.returncode == 0 and b"1 of 1 steps done" in again.stderr


@pytest.mark.promise("python -OO", "one sentence says what to use")
def test_python_without_docstrings_gets_one_sentence(tmp_path):
    done = run(["main.py"], tmp_path, flags=["-OO"])
    assert done.returncode == 2 and os.listdir(str(tmp_path)) == []
    assert len(done.stderr.splitlines()) == 1 and b"use python or python -O" in done.stderr


@pytest.mark.promise("the working folder is deleted", "one sentence says so")
def test_a_working_folder_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = os.path.join(ROOT, "main.py")
    line = f"cd {gone} && rmdir {gone} && {sys.executable} {script} --dataset cars"
    done = subprocess.run(["sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "main.py: error: the working folder no longer exists; change to one that does"
    ]


@pytest.mark.promise("the reader of a pipe goes away", "no traceback")
def test_nobody_reads_on():
    """The list of networks is longer than what is read of it."""
    line = f"{sys.executable} -m pretrained list | true"
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, stderr=subprocess.PIPE)
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


STREAMS = """
import sys
from utils.errors import run_script
def work():
    print("written" * int(sys.argv[1]))
    sys.stderr.flush()
    with open("file", "w") as file:
        file.write(str(file.fileno() > 2))
run_script("x.py", work)
"""


@pytest.mark.promise(
    "stdout or stderr is closed or full", "no traceback, and no file gets what was for them"
)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is full")
@pytest.mark.parametrize(
    "streams, code, length",
    [("2>&-", 0, 1), (">&- 2>&- <&-", 0, 10000), (">/dev/full", 1, 1), (">/dev/full", 1, 10000)],
)
def test_closed_and_full_streams(tmp_path, streams, code, length):
    line = f'"$@" {streams}'
    words = ["sh", "-c", line, "sh", sys.executable, "-c", STREAMS, str(length)]
    environment = dict(os.environ, PYTHONPATH=ROOT)
    done = subprocess.run(
        words, cwd=str(tmp_path), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert done.returncode == code
    if code:
        assert done.stderr.startswith(b"x.py: error: the output can't be written: No space left")
        assert len(done.stderr.splitlines()) == 1
    else:
        assert done.stderr == b"" and (tmp_path / "file").read_text() == "True"

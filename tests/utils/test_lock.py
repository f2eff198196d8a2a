"""The lock of a run folder, between processes."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from utils import run_dir
from utils.errors import UserError
from utils.lock import lock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


HOLDER = """
import sys, time
from utils.lock import lock
with lock(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path` until its stdin is closed."""
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.kill()
    process.communicate()


def locked(path):
    with lock(str(path)):
        return True


def write_lock(path, host, age):
    (path / "run.lock").write_text(json.dumps({"host": host, "pid": 1, "started": "yesterday"}))
    os.utime(str(path / "run.lock"), (time.time() - age,) * 2)


@pytest.mark.promise(
    "two runs use one folder", "the second is refused, with host and process of the first"
)
def test_a_second_process_is_refused_and_told_of_the_first(tmp_path, holder):
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            locked(tmp_path)
    message = str(caught.value)
    assert f"process {holder.pid} on {socket.gethostname()}" in message
    assert str(tmp_path) in message and "\n" not in message
    holder.communicate()
    assert os.listdir(str(tmp_path)) == [] and locked(tmp_path)


@pytest.mark.promise("a process leaves its lock behind", "the lock is taken over, which is logged")
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder, logged):
    holder.kill()
    holder.communicate()
    assert os.listdir(str(tmp_path)) == ["run.lock"] and not run_dir.exists(str(tmp_path), "fail")
    assert locked(tmp_path)
    ((level, message),) = logged
    assert level == "INFO" and str(holder.pid) in message and os.listdir(str(tmp_path)) == []


@pytest.mark.promise(
    "a process on another machine holds the lock",
    "the lock is taken over after ten minutes without a sign of life",
    "600 s",
)
def test_another_machine_holds_the_lock_while_it_shows_that_it_lives(tmp_path, logged):
    write_lock(tmp_path, "far", 60)
    with pytest.raises(UserError, match="process 1 on far"):
        locked(tmp_path)
    assert "far" in (tmp_path / "run.lock").read_text()
    write_lock(tmp_path, "far", 3600)
    assert locked(tmp_path)
    ((level, message),) = logged
    assert level == "WARNING" and "taken over from process 1 on far" in message


def test_touching_the_lock_changes_its_time(tmp_path):
    with lock(str(tmp_path)) as touch:
        os.utime(str(tmp_path / "run.lock"), (1, 1))
        touch()
        assert os.path.getmtime(str(tmp_path / "run.lock")) > 1
        with pytest.raises(UserError, match=f"process {os.getpid()}"):
            locked(tmp_path)
        write_lock(tmp_path, "far", 0)  # it has taken over
    assert "far" in (tmp_path / "run.lock").read_text()


@pytest.mark.parametrize("contents", ["", "[1]", "{", "\0", "[" * 4000])
def test_a_damaged_lock_file_holds_nobody_up(tmp_path, contents):
    (tmp_path / "run.lock").write_text(contents)
    assert locked(tmp_path) and os.listdir(str(tmp_path)) == []


def test_a_lock_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="can't be written"):
        locked(tmp_path / "none")
    (tmp_path / "run.lock").mkdir()
    with pytest.raises(UserError, match="can't be written"):
        locked(tmp_path)

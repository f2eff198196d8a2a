"""reproduce.py as it is typed, on generated miniatures of the official trees."""

import glob
import json
import os
import signal
import subprocess
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUBSET = ["--datasets", "flowers", "cars", "--modes", "vanilla", "hard"]


def start(folder, *words):
    os.makedirs(str(folder), exist_ok=True)
    command = [sys.executable, os.path.join(ROOT, "reproduce.py"), "--budget", "tiny", *words]
    return subprocess.Popen(
        command, cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert errors == ""
    return out


def numbers_of(folder, name="resnet50_released_tiny"):
    """Every number of every table, without the run folders and times."""
    found = {}
    for path in glob.glob(os.path.join(str(folder), "tables", name + "*.json")):
        with open(path) as file:
            for e in json.load(file)["entries"]:
                found[e["row"], e["dataset"], e["metric"]] = e["values"]
    return found


def test_kill_9_in_the_middle_gives_the_same_table(tmp_path):
    whole = start(tmp_path / "whole", *SUBSET)
    process = start(tmp_path / "killed", *SUBSET)
    runs = tmp_path / "killed" / "checkpoints" / "reproduce" / "tiny"
    deadline = time.time() + 120
    while time.time() < deadline and not glob.glob(str(runs / "cars*" / "log.txt")):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "killed" / "tables").exists()
    again = finish(start(tmp_path / "killed", *SUBSET))
    assert "2 done" in again or "3 done" in again
    assert "0 done, 0 partly done, 4 to do, 0 not possible" in finish(whole)
    expected = numbers_of(tmp_path / "whole")
    assert numbers_of(tmp_path / "killed") == expected
    assert len(expected) == 2 * 2 * 9 and all(len(v) == 1 for k, v in expected.items())
    with open(str(tmp_path / "whole" / "tables" / "resnet50_released_tiny.md")) as file:
        assert "NOT COMPARABLE: TINY BUDGET" in file.readline()
    runs = sorted(glob.glob(str(runs / "*seed0")))
    compared = subprocess.run(
        [sys.executable, os.path.join(ROOT, "reproduce.py"), "compare", *runs[:2]],
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    assert "train_mode: hard | vanilla" in compared.stdout and "eval/test" in compared.stdout


def test_a_dry_run_runs_nothing_and_says_what_is_missing(tmp_path):
    words = ["--datasets", "custom", "--modes", "hard", "--dry_run", "--", "--dataset_path", "none"]
    out = finish(start(tmp_path, *words))
    assert "not possible" in out and "no folder" in out and "0 to do, 1 not possible" in out
    assert not glob.glob(str(tmp_path / "**" / "*.out"), recursive=True)


@pytest.mark.slow
def test_the_tiny_table_end_to_end(tmp_path):
    started = time.time()
    out = finish(start(tmp_path))
    assert "0 done, 0 partly done, 20 to do, 0 not possible" in out
    numbers = numbers_of(tmp_path)
    assert len(numbers) == 4 * 5 * 9 and all(len(v) == 1 for v in numbers.values())
    assert time.time() - started < 300
    clean = finish(start(tmp_path, "--protocol", "clean", "--datasets", "flowers"))
    assert "3 done, 0 partly done, 1 to do" in clean  # softmax alone is another run
    assert len(numbers_of(tmp_path, "resnet50_clean_tiny")) == 4 * 9

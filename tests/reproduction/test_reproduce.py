"""reproduce.py as it is typed, on small synthetic data sets in the official formats."""

import fcntl
import glob
import json
import os
import signal
import time

import pytest

from tests.forked import Forked

SUBSET = ["--datasets", "cars", "--modes", "vanilla", "hard"]


def start(folder, *words):
    os.makedirs(str(folder), exist_ok=True)
    return Forked("reproduce.py", "--budget", "tiny", *words, cwd=folder)


def finish(process, code=0):
    output = process.finish()
    assert process.exit_code == code, output
    assert "Traceback" not in output and "Warning" not in output
    return output


def wait_for(process, pattern):
    """Waits until a file appears, as long as the process is at work."""
    while process.exit_code is None and not glob.glob(str(pattern)):
        time.sleep(0.05)


def numbers_of(folder, name="resnet50_released_tiny"):
    """Every number of every table, without the run folders and times."""
    found = {}
    for path in glob.glob(os.path.join(str(folder), "tables", name + "*.json")):
        with open(path) as file:
            for e in json.load(file)["entries"]:
                found[e["row"], e["dataset"], e["metric"]] = e["values"]
    return found


@pytest.mark.ci
def test_kill_9_in_the_middle_gives_the_same_table(tmp_path):
    whole = start(tmp_path / "whole", "--datasets", "cars", "--modes", "hard")
    process = start(tmp_path / "killed", *SUBSET)
    runs = tmp_path / "killed" / "checkpoints" / "reproduce" / "tiny"
    wait_for(process, runs / "cars*hard*" / "log.txt")
    process.kill()
    process.finish()
    assert not (tmp_path / "killed" / "tables").exists()
    again = finish(start(tmp_path / "killed", *SUBSET))
    assert "\n2 to do\n" not in again and "\n1 to do\n" in finish(whole)
    expected = numbers_of(tmp_path / "killed")
    # Softmax was done before the kill.
    assert numbers_of(tmp_path / "whole") == {
        key: values for key, values in expected.items() if key[0] == "Two-head hard"
    }
    # Nine scores and seven of each space; softmax alone has one space, the other mode three.
    assert len(expected) == 2 * (9 + 3 * 7)
    assert sum(len(values) for values in expected.values()) == (9 + 7) + (9 + 3 * 7)
    with open(str(tmp_path / "whole" / "tables" / "resnet50_released_tiny.md")) as file:
        assert "NOT COMPARABLE: TINY BUDGET" in file.readline()
    runs = sorted(glob.glob(str(runs / "*seed0")))
    compared = finish(Forked("reproduce.py", "compare", *runs[:2]))
    assert "train_mode: hard | vanilla" in compared and "eval/test" in compared
    with open(os.path.join(runs[0], "args.json"), "w") as file:
        file.write("{")
    assert "\n1 done, 1 damaged\n" in finish(start(tmp_path / "killed", *SUBSET, "--dry_run"), 1)
    assert numbers_of(tmp_path / "killed") == expected


@pytest.mark.parametrize("dry_run", [["--dry_run"], []])
def test_a_table_without_a_possible_run_writes_nothing(tmp_path, dry_run):
    words = ["--datasets", "custom", "--modes", "hard", *dry_run, "--", "--dataset_path", "none"]
    out = finish(start(tmp_path, *words), 2)
    assert "no folder" in out and out.endswith("\n1 not possible\n")
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.ci
def test_sigterm_lets_the_run_save_and_leaves_nothing_running(tmp_path):
    words = ["--datasets", "flowers", "--modes", "hard", "--", "--train_iters", "100000"]
    process = start(tmp_path, *words)
    runs = tmp_path / "checkpoints" / "reproduce" / "tiny"
    wait_for(process, runs / "*" / "metrics.csv")
    (metrics,) = glob.glob(str(runs / "*" / "metrics.csv"))
    while process.exit_code is None and len(open(metrics).readlines()) < 2:
        time.sleep(0.05)  # until the first step is done
    process.send_signal(signal.SIGTERM)
    output = finish(process, 128 + signal.SIGTERM)
    assert "\nreproduce.py: stopped by SIGTERM" in output and output.count("SIGTERM") == 1
    assert len(glob.glob(str(runs / "*" / "model.ckpt-*.index"))) == 1
    with open(glob.glob(str(runs / "*.lock"))[0], "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not (tmp_path / "tables").exists()


@pytest.mark.slow
def test_the_tiny_table_end_to_end(tmp_path):
    assert "\n20 to do\n" in finish(start(tmp_path))
    numbers = numbers_of(tmp_path)
    assert len(numbers) == 4 * 5 * 9 and all(len(v) == 1 for v in numbers.values())
    clean = finish(start(tmp_path, "--protocol", "clean", "--datasets", "flowers"))
    assert "\n3 done, 1 to do\n" in clean  # softmax alone is another run
    assert len(numbers_of(tmp_path, "resnet50_clean_tiny")) == 4 * 9

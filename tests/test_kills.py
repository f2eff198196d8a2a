"""The default job, killed at any moment, ends as if it had never been."""

import csv
import itertools
import json
import os
import random
import time

import numpy as np
import pytest

from tests.forked import Forked
from tests.training.test_trainer import weights_of
from utils import checkpoints

# Log lines, checkpoints and evaluations come at different steps, so that a checkpoint lies
# between two log lines.
WORDS = "--log_every_steps 3 --save_every_steps 4 --eval_every_steps 14".split()


def start(folder, name, steps):
    words = [*WORDS, "--train_iters", steps, "--datasets_dir", folder / "datasets"]
    return Forked("main.py", *words, "--runs_dir", folder, "--run_dir", name)


def finish(folder, name, steps):
    process = start(folder, name, steps)
    output = process.finish()
    assert process.exit_code == 0, output
    return folder / name


def kill_after(process, lines, seconds):
    """Kills a process some time after a number of lines of its log; True if it was alive."""
    list(itertools.islice(process.output, lines))
    time.sleep(seconds)
    was_alive = process.exit_code is None
    process.kill()
    process.finish()
    return was_alive


def rows_of(run):
    """metrics.csv without the one column that reads the clock."""
    with open(str(run / "metrics.csv"), newline="") as file:
        rows = list(csv.reader(file))
    clock = rows[0].index("images_per_second")
    return [row[:clock] + row[clock + 1 :] for row in rows]


def names_in(run):
    found = {os.path.relpath(os.path.join(d, f), str(run)) for d, _, fs in os.walk(run) for f in fs}
    # One advice times the input, and so may be given to one run and not to the other.
    return {name for name in found if not name.startswith("events") and name != "advice.json"}


@pytest.mark.promise(
    "a run is killed at any moment",
    "it ends with the metrics, weights and files of one that was not; nothing is left over",
    "6 random moments; 20 with -m slow",
)
@pytest.mark.parametrize("kills, steps", [(6, 24), pytest.param(20, 90, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_as_one_that_was_not(tmp_path, kills, steps):
    rng, was_alive = random.Random(kills), []
    whole = finish(tmp_path, "whole", steps)
    for _ in range(kills - 1):
        process = start(tmp_path, "killed", steps)
        was_alive.append(kill_after(process, rng.randint(1, 5), rng.uniform(0, 0.5)))
    process = start(tmp_path, "killed", steps)
    for line in process.output:
        if f"step {steps}/{steps}" in line:
            break
    was_alive.append(kill_after(process, 0, rng.uniform(0, 4)))  # also in the final evaluation
    killed = finish(tmp_path, "killed", steps)
    assert was_alive[:2] == [True, True]
    assert rows_of(killed) == rows_of(whole) and names_in(killed) == names_in(whole)
    for folder in ("", "best"):
        expected, found = (
            weights_of(checkpoints.latest(str(run / folder))) for run in (whole, killed)
        )
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    for split in ("test", "test-best"):
        reports = [(run / "eval" / split / "metrics.json").read_text() for run in (whole, killed)]
        assert reports[0] == reports[1] and json.loads(reports[0])["num_images"] == 359

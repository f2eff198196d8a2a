"""Equal runs: for any number of decoding threads, and on GPUs where TensorFlow offers it."""

import csv
import os
import subprocess
import sys

import pytest

from tests.test_source import ROOT
from tests.training.test_trainer import config_of, message_of, train
from training import dry_run, trainer
from utils.errors import UserError
from utils.tf1 import TENSORFLOW_VERSION


def metrics_of(run):
    with open(os.path.join(str(run), "metrics.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert float(row.pop("images_per_second") or 1) > 0
    return rows


@pytest.mark.promise(
    "two runs have one seed", "their metrics.csv is equal on the CPU", "1 and 8 decoding threads"
)
def test_two_runs_are_equal_with_1_or_8_decoding_threads(shared_tree, tmp_path):
    found = []
    for threads in (1, 8):
        train(shared_tree, tmp_path / str(threads), parallel_calls=threads, train_iters=4)
        found.append(metrics_of(tmp_path / str(threads)))
    assert found[0] == found[1] and len(found[0]) == 8
    train(shared_tree, tmp_path / "other", seed=1)
    assert metrics_of(tmp_path / "other")[:4] != found[0][:4]


@pytest.mark.skipif(TENSORFLOW_VERSION[0] == "1", reason="TensorFlow 1.15 has no such switch")
def test_deterministic_switches_every_op():
    code = (
        "from utils import tf1; tf1.make_deterministic();"
        " from tensorflow.python.framework import config; print(config.is_op_determinism_enabled())"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT).strip() == b"True"


@pytest.mark.promise("--deterministic with TensorFlow 1.15", "it is refused in one sentence")
@pytest.mark.skipif(TENSORFLOW_VERSION[0] != "1", reason="TensorFlow 2 has it")
def test_deterministic_is_refused_where_it_can_not_be_had(shared_tree, tmp_path):
    config = config_of(shared_tree, tmp_path / "run", deterministic=True)
    for call in (trainer.train, dry_run.check):
        assert "--deterministic true needs TensorFlow 2" in message_of(call, config)
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("call", [trainer.train, dry_run.check])
def test_a_deterministic_run_switches_it_on_first(shared_tree, tmp_path, monkeypatch, call):
    def switch():
        raise UserError("it is switched on")

    monkeypatch.setattr(sys.modules[call.__module__], "make_deterministic", switch)
    config = config_of(shared_tree, tmp_path / "run", deterministic=True)
    assert message_of(call, config) == "it is switched on"

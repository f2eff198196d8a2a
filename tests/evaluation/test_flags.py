import os

import pytest

from evaluation import flags
from tests.config.test_cli import message_of


def test_eval_flags(tmp_path):
    run = tmp_path / "checkpoints" / "run"
    run.mkdir(parents=True)
    given = flags.parse(["--run_dir", "run", "--runs_dir", str(run.parent), "--split", "val"])
    assert given["folder"] == str(run) and given["split"] == "val"
    assert given["checkpoint"] == "last" and given["overrides"] == {}
    assert given["num_neighbours"] == 5 and given["embedding"] is None and given["extras"] == []
    assert flags.parse(["--run_dir", str(run)])["folder"] == str(run)
    given = flags.parse(["--run_dir", str(run), "--datasets_dir", "d"])
    assert given["overrides"] == {"datasets_dir": os.path.abspath("d")}
    given = flags.parse(["--run_dir", str(run), "--projector", "--report"])
    assert given["extras"] == ["report", "projector"]


@pytest.mark.parametrize(
    "argv, word",
    [
        ([], "--run_dir"),
        (["--run_dir", "x", "--split", "all"], "--split"),
        (["--run_dir", "x", "--batch_size", "0"], "--batch_size 0"),
        (["--run_dir", "x", "--neighbours", "0"], "--neighbours 0"),
        (["--run_dir", "x", "--neighbours", "few"], "'few' is not a whole number"),
        (["--run_dir", "x", "--embedding", "tail"], "--embedding"),
        (["--run_dir", "x", "--embeding", "head"], "did you mean --embedding"),
    ],
)
def test_wrong_eval_flags(argv, word):
    assert word in message_of(argv, flags.parse)

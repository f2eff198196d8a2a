import os
import subprocess
import sys
import time

import pytest

from config import cli
from config.base_config import SETTINGS
from utils.errors import UserError

RELEASE_FLAGS = (
    "emb_dim batch_size gpu checkpoint_dir db_name net tuple_loader_queue_size train_mode aug_style"
    " triplet_loss_lambda caffe_iter_size logging_threshold test_interval train_iters margin"
    " Triplet_K checkpoint_suffix checkpoint_filename learning_rate end_learning_rate log_filename"
    " frame_size"
).split()


def parsed(argv):
    config, only_check = cli.parse(argv)
    assert not only_check
    return config


def message_of(argv, parse=cli.parse):
    with pytest.raises(UserError) as caught:
        parse(argv)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_flag_of_the_first_release_is_there():
    flags = cli.main_parser()._option_string_actions
    assert all("--" + name in flags for name in RELEASE_FLAGS)
    assert all("--" + name in flags for name in SETTINGS)


def test_a_command_line_of_the_first_release():
    config = parsed(
        "--gpu 0 --db_name aircrafts --net resnet50 --train_mode semi_hard --margin 0.2"
        " --caffe_iter_size 10 --logging_threshold 500 --train_iters 120000 --learning_rate 0.01"
        " --aug_style img --frame_size 299 --checkpoint_suffix _lm1_aug_img_fixed_299_0".split()
    )
    assert os.path.basename(config.run_dir) == (
        "aircrafts_resnet50_semi_hard_frame_size299_train_iters120000_accumulate_batches10"
        "__lm1_aug_img_fixed_299_0"
    )
    found = (config.margin, config.accumulate_batches, config.eval_every_steps)
    assert found == (0.2, 10, 5000)


def test_words_become_values():
    config = parsed("--margin soft --flip true --images_per_class 8 --learning_rate 1e-3".split())
    assert (config.margin, config.flip, config.images_per_class) == ("soft", True, 8)
    assert config.learning_rate == 0.001
    assert parsed(["--margin=0.5"]).margin == 0.5
    assert parsed(["--gpu", "-1"]).gpu == "-1" and parsed(["--gpu", "03"]).gpu == "3"
    assert cli.parse(["--check"])[1] is True


@pytest.mark.parametrize(
    "argv, words",
    [
        (["--margn", "1"], ["--margn", "did you mean --margin"]),
        (["--batch"], ["--batch", "did you mean"]),
        (["surplus"], ["surplus"]),
        (["--batch_size", "many"], ["--batch_size", "'many' is not a whole number"]),
        (["--batch_size", "3.5"], ["--batch_size", "whole number"]),
        (["--margin", "wide"], ["--margin", "'wide'"]),
        (["--flip", "maybe"], ["--flip", "'maybe'"]),
        (["--gpu", "x"], ["--gpu", "'x' is not a device's number, or -1"]),
        (["--gpu", "-2"], ["--gpu", "'-2'"]),
        (["--batch_size"], ["--batch_size"]),
        (["--net", "resnet"], ["--net resnet", "resnet50"]),
    ],
)
def test_wrong_flags_get_one_sentence(argv, words):
    message = message_of(argv)
    for word in words:
        assert word in message


def test_help_is_quick_grouped_and_complete():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for script in ("main.py", "eval.py", "reproduce.py"):
        start = time.time()
        done = subprocess.run(
            [sys.executable, os.path.join(root, script), "--help"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        assert done.returncode == 0 and done.stderr == "" and "None" not in done.stdout
        assert time.time() - start < 1.5
        if script == "main.py":
            assert all(f"\n{group}:\n" in done.stdout for group in cli.GROUPS)
            assert all(f"--{name}" in done.stdout for name in SETTINGS)
            assert "[default 350, digits: 50]" in done.stdout


def test_eval_flags(tmp_path):
    run = tmp_path / "checkpoints" / "run"
    run.mkdir(parents=True)
    flags = cli.parse_eval(["--run_dir", "run", "--runs_dir", str(run.parent), "--split", "val"])
    assert flags["folder"] == str(run) and flags["split"] == "val"
    assert flags["checkpoint"] == "last" and flags["overrides"] == {}
    assert flags["num_neighbours"] == 5 and flags["embedding"] is None and flags["extras"] == []
    assert cli.parse_eval(["--run_dir", str(run)])["folder"] == str(run)
    flags = cli.parse_eval(["--run_dir", str(run), "--datasets_dir", "d"])
    assert flags["overrides"] == {"datasets_dir": os.path.abspath("d")}
    flags = cli.parse_eval(["--run_dir", str(run), "--projector", "--report"])
    assert flags["extras"] == ["report", "projector"]


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
    assert word in message_of(argv, cli.parse_eval)

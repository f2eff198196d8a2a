import os
import subprocess
import sys

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
    assert parsed(["--train_mode", "cntr+hard"]).train_mode == "center+hard"
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
        (["--gpu", "x"], ["--gpu", "'x' is not different devices' numbers such as 0,1, or -1"]),
        (["--gpu", "-2"], ["--gpu", "'-2'"]),
        (["--batch_size"], ["--batch_size"]),
        (["--net", "resnet"], ["--net resnet", "resnet50"]),
    ],
)
def test_wrong_flags_get_one_sentence(argv, words):
    message = message_of(argv)
    for word in words:
        assert word in message


SHOW_HELP = """
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    heavy = {"tensorflow", "pandas", "scipy", "sklearn", "matplotlib"}
    print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("script", ["main", "eval", "predict", "export", "reproduce"])
def test_help_is_complete_and_needs_no_heavy_package(script):
    """It comes at once, for what takes seconds is the import of those packages."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        [sys.executable, "-c", SHOW_HELP, f"{script}.py"],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "[]\n" and "None" not in done.stdout
    if script == "main":
        assert all(f"\n{group}:\n" in done.stdout for group in cli.GROUPS)
        assert all(f"--{name}" in done.stdout for name in SETTINGS)
        assert "[default 350, digits: 50]" in done.stdout

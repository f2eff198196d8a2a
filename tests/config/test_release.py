"""Command lines of the first release: they run, and mean what they meant.

Its defaults are those of the flags of its config/base_config.py. Departures are listed by name in
`DEPARTURES`, with the default that stands here.
"""

import os

import pytest

from config import cli
from config.resolve import settings_of
from utils.errors import UserError

RELEASE_DEFAULTS = dict(
    emb_dim=256, batch_size=32, gpu="0", dataset="flowers", net="resnet50", parallel_calls=10,
    train_mode="vanilla", aug_style="batch", triplet_loss_lambda=1, accumulate_batches=1,
    log_every_steps=500, eval_every_steps=5000, train_iters=40000, margin=0.2, images_per_class=4,
    learning_rate=0.01, end_learning_rate=0, frame_size=224, log_name="logger",
    checkpoint_name="model.ckpt", run_suffix="base_config",
)  # fmt: skip
DEPARTURES = dict(
    dataset="digits", train_mode="hard", aug_style="img", parallel_calls=0, log_every_steps=100,
    log_name="log", run_suffix="",
)  # fmt: skip
MODES = {"vanilla": "vanilla", "semi_hard": "semi_hard", "hard": "hard", "cntr": "center",
         "hard_awtl": "adaptive"}  # fmt: skip
DATASETS = ("flowers", "dogs", "birds", "aircrafts", "cars")
# Frame 299 for the two Inceptions, which it fed with 224 pixels, is a departure too.
FRAMES = {"resnet50": 224, "resnet50_v1": 224, "densenet161": 224, "mobile": 224, "inc3": 299,
          "inc4": 299}  # fmt: skip
READ_BY = {
    "emb_dim": ("semi_hard", "hard", "center", "adaptive"),
    "margin": ("semi_hard", "hard", "adaptive"),
    "triplet_loss_lambda": ("semi_hard", "hard", "adaptive"),
    "images_per_class": ("semi_hard", "hard", "center", "adaptive"),
}
# What its main.py passes, whatever the mode.
MAIN = (
    "--gpu 0 --net resnet50 --margin 0.2 --caffe_iter_size 1 --logging_threshold 500"
    " --train_iters 120000 --learning_rate 0.01 --aug_style img"
    " --checkpoint_suffix _lm1_aug_img_fixed_299_0"
)


def parsed(line):
    return cli.parse(line.split())[0]


def expected_of(mode, **given):
    values = {**RELEASE_DEFAULTS, **DEPARTURES, **given, "train_mode": mode}
    unread = {name for name, modes in READ_BY.items() if mode not in modes}
    return {name: None if name in unread else value for name, value in values.items()}


def found_in(config):
    values = dict(settings_of(config), log_name=config.log_name)
    return dict(values, checkpoint_name=config.checkpoint_name)


@pytest.mark.parametrize("word", MODES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_its_main_script_in_every_mode_on_every_data_set(word, dataset):
    config = parsed(f"{MAIN} --db_name {dataset} --train_mode {word}")
    wanted = expected_of(
        MODES[word], dataset=dataset, log_every_steps=500, train_iters=120000,
        run_suffix="_lm1_aug_img_fixed_299_0",
    )  # fmt: skip
    found = found_in(config)
    assert {name: found[name] for name in wanted} == wanted
    ignored = [remark.split()[0] for remark in config.remarks]
    assert ignored == ([] if config.train_mode in READ_BY["margin"] else ["--margin"])
    assert all("has no effect with --train_mode" in remark for remark in config.remarks)


@pytest.mark.parametrize("net", FRAMES)
def test_every_network(net):
    config = parsed(f"--db_name cars --net {net} --train_mode hard --aug_style img")
    assert (config.net, config.frame_size) == (net, FRAMES[net])
    assert parsed(f"--db_name cars --net {net} --frame_size 320").frame_size == 320


def test_its_defaults_but_for_the_departures():
    wanted = expected_of("hard", dataset="flowers", frame_size=224)
    found = found_in(parsed("--db_name flowers"))
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    "line, steps",
    [
        ("--logging_threshold 500 --train_iters 40000", 5000),  # eight evaluations
        ("--logging_threshold 100", 1000),
        ("--logging_threshold 100 --test_interval 2", 200),
        ("--test_interval 2", 1000),
        ("--train_iters 40000", 5000),
        ("--log_every_steps 7", 5000),
        ("--log_every_steps 7 --test_interval 3", 21),
        ("--eval_every_steps 7 --logging_threshold 500", 7),
    ],
)
def test_the_schedule_of_evaluations(line, steps):
    assert parsed("--db_name cars " + line).eval_every_steps == steps


def test_digits_keep_their_own_schedule():
    assert parsed("--test_interval 2").eval_every_steps == 50
    assert parsed("").eval_every_steps == 100


def test_what_a_mode_does_not_read():
    """Under the release's names it is ignored, and said; under ours it is an error."""
    line = "--db_name cars --train_mode vanilla --Triplet_K 4 --emb_dim 64 --triplet_loss_lambda 1"
    config = parsed(line)
    assert (config.images_per_class, config.emb_dim, config.triplet_loss_lambda) == (None,) * 3
    assert sorted(remark.split()[0] for remark in config.remarks) == [
        "--emb_dim", "--images_per_class", "--triplet_loss_lambda"
    ]  # fmt: skip
    for line in (
        "--train_mode vanilla --images_per_class 4",
        "--train_mode hard --center_alpha 0.5",
        "--train_mode vanilla --feature_map Mixed_6h",
        "--train_mode circle --margin 0.3",  # which the release did not have
    ):
        with pytest.raises(UserError, match="has no effect with"):
            parsed(line)


def test_names_of_files():
    config = parsed("--log_filename mine --checkpoint_filename net.ckpt --checkpoint_dir here")
    assert (config.log_name, config.checkpoint_name) == ("mine", "net.ckpt")
    assert config.run_dir == os.path.abspath(os.path.join("checkpoints", "here"))
    for flag in ("--log_filename", "--checkpoint_filename"):
        for name in ("../x", "/tmp/x", "a/b", ".."):
            with pytest.raises(UserError, match="without a folder"):
                parsed(f"{flag} {name}")


def test_prefixes_of_flags_are_refused():
    with pytest.raises(UserError, match="did you mean --train_mode"):
        parsed("--train_mod hard")


def test_one_interval_is_given_once():
    with pytest.raises(UserError, match="give one of them"):
        parsed("--test_interval 2 --eval_every_steps 10")
    with pytest.raises(UserError, match="--test_interval 0"):
        parsed("--test_interval 0")

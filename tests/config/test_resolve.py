import dataclasses
import os

import pytest

from config import resolve
from config.base_config import SETTINGS
from config.datasets import DATASETS
from config.losses import LOSSES, MEMORY_MODES, TRAIN_MODES, TWO_HEAD_MODES, modes_that_read
from config.networks import NETWORKS
from utils.errors import UserError


def make(**given):
    return resolve.resolve(given, environ={}, local={})


def message_of(**given):
    with pytest.raises(UserError) as caught:
        make(**given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_come_from_the_data_set():
    config = make()
    assert (config.dataset, config.net, config.train_mode) == ("digits", "mobile", "hard")
    assert (config.frame_size, config.pretrained, config.flip) == (48, "none", False)
    assert config.save_every_steps < config.train_iters == 350


def test_the_papers_recipe():
    config = make(dataset="aircrafts")
    expected = dict(
        net="resnet50", frame_size=224, resize_min=350, resize_max=512, aug_style="img", flip=True,
        batch_size=32, images_per_class=4, sampler="pk", train_mode="hard", margin=0.2, emb_dim=256,
        triplet_loss_lambda=1.0, learning_rate=0.01, end_learning_rate=0.0, train_iters=40000,
        weight_decay=0.0, bn_decay=0.997, feature_map="resnet_v2_50/block4", pretrained=None,
        accumulate_batches=1, eval_split=None, eval_every_steps=5000,
    )  # fmt: skip
    assert {name: getattr(config, name) for name in expected} == expected


def test_the_strong_recipe_is_a_set_of_defaults():
    off = dict(
        learning_rate_schedule="linear", warmup_steps=0, weight_decay=0.0, label_smoothing=0.0,
        head_learning_rate=1.0, ema_decay=0.0,
    )  # fmt: skip
    strong = dict(
        learning_rate_schedule="cosine", warmup_steps=2000, weight_decay=1e-4, label_smoothing=0.1,
        head_learning_rate=10.0, ema_decay=0.999,
    )  # fmt: skip
    settings = resolve.settings_of(make(dataset="cars"))
    assert {name: settings[name] for name in off} == off
    changed = resolve.settings_of(make(dataset="cars", recipe="strong"))
    names = {"recipe", "run_dir", *strong}
    assert changed == dict(settings, **{name: changed[name] for name in names})
    assert {name: changed[name] for name in strong} == strong
    given = make(dataset="cars", recipe="strong", **off)
    assert {name: getattr(given, name) for name in off} == off
    assert make(recipe="strong", train_iters=40).warmup_steps == 2
    assert make(recipe="strong", pretrained="none").head_learning_rate == 1.0


def test_given_values_go_before_all_defaults():
    config = make(frame_size=64, resize_min=70, resize_max=80, net="resnet50", flip=True)
    assert (config.frame_size, config.net, config.flip, config.bn_decay) == (
        64,
        "resnet50",
        True,
        0.9,
    )


@pytest.mark.parametrize("mode", TRAIN_MODES)
def test_a_config_holds_only_what_its_mode_reads(mode):
    config = make(dataset="cars", train_mode=mode)
    for name, f in SETTINGS.items():
        modes = f.metadata.get("modes")
        if modes:
            assert (getattr(config, name) is not None) == (mode in modes), name
    assert config.sampler == ("shuffle" if mode == "vanilla" else "pk")
    assert (config.images_per_class is None) == (mode == "vanilla")


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(train_mode="vanilla", margin=0.2), ["--margin", "--train_mode vanilla"]),
        (dict(train_mode="vanilla", emb_dim=128), ["--emb_dim"]),
        (dict(train_mode="center", triplet_loss_lambda=1.0), ["--triplet_loss_lambda"]),
        (dict(train_mode="hard", center_alpha=0.5), ["--center_alpha", "center"]),
        (dict(train_mode="vanilla", images_per_class=4), ["--images_per_class", "shuffle", "pk"]),
        (dict(aug_style="batch", resize_min=300), ["--resize_min", "--aug_style batch"]),
        (dict(resize_square=300), ["--resize_square", "--aug_style img"]),
        (dict(batch_size=30), ["--batch_size 30", "not a multiple", "--images_per_class 4"]),
        (dict(batch_size=4), ["--batch_size 4", "no negatives"]),
        (dict(frame_size=60), ["--frame_size 60", "--resize_min 50"]),
        (dict(frame_size=20), ["--frame_size 20", "32"]),
        (dict(resize_min=60), ["--resize_min 60", "--resize_max 56"]),
        (dict(aug_style="batch", frame_size=60), ["--resize_square 54"]),
        (dict(dataset="cars", net="inc3", aug_style="batch"), ["299", "--resize_square 256"]),
        (dict(dataset="custom"), ["--dataset_path"]),
        (dict(dataset="cars", dataset_path="x"), ["--dataset_path", "--datasets_dir"]),
        (dict(dataset="horses"), ["horses", "digits"]),
        (dict(net="vgg"), ["vgg", "resnet50"]),
        (dict(train_iters=0), ["--train_iters 0"]),
        (dict(learning_rate=-1.0), ["--learning_rate"]),
        (dict(learning_rate=float("nan")), ["--learning_rate"]),
        (dict(margin=float("inf")), ["--margin"]),
        (dict(bn_decay=1.5), ["--bn_decay 1.5", "at most"]),
        (dict(freeze_bn=True), ["--freeze_bn", "--pretrained none"]),
        (dict(freeze_bn=True, pretrained="x", bn_decay=0.9), ["--bn_decay", "--freeze_bn"]),
        (dict(lerning_rate=1.0), ["lerning_rate"]),
        (dict(warmup_steps=350), ["--warmup_steps 350", "less than --train_iters 350"]),
        (dict(ema_decay=1.0), ["--ema_decay 1.0", "at most"]),
        (dict(recipe="weak"), ["--recipe weak", "paper, strong"]),
        (dict(memory_start=5), ["--memory_start", "without --memory"]),
        (dict(memory=64), ["--memory 64", "--memory_start 1000", "--train_iters 350"]),
        (dict(train_mode="lifted", memory=64), ["--memory", "hard or semi_hard"]),
        (dict(train_mode="hard+semi_hard"), ["hard+semi_hard", "a sum of two with a weight each"]),
        (dict(train_mode="vanilla+hard"), ["vanilla+hard", "a sum of two"]),
        (dict(train_mode="hard+circle+supcon"), ["a sum of two"]),
        (dict(train_mode="hard+"), ["hard+:", "a sum of two"]),
        (dict(train_mode="hard+circle", supcon_temperature=0.2), ["--supcon_temperature"]),
        (dict(train_mode="circle+supcon", margin=0.2), ["--margin", "circle+supcon"]),
    ],
)
def test_impossible_settings_get_one_sentence(given, words):
    message = message_of(**given)
    for word in words:
        assert word in message


@pytest.mark.parametrize("margin", ["soft", "none", 0.0])
def test_margins_of_every_kind(margin):
    assert make(margin=margin).margin == margin


def test_center_loss_has_its_own_weight():
    assert make(train_mode="center").ranking_weight == 0.003
    assert make(triplet_loss_lambda=0.5).ranking_weight == 0.5
    assert make(train_mode="vanilla").ranking_weight is None


def test_a_sum_of_two_modes_reads_the_settings_of_both():
    config = make(train_mode="hard+proxy_anchor", margin=0.3, proxy_anchor_loss_lambda=0.5)
    own = LOSSES["hard"].reads | LOSSES["proxy_anchor"].reads
    for name, f in SETTINGS.items():
        if f.metadata.get("modes", TWO_HEAD_MODES) not in (TWO_HEAD_MODES, MEMORY_MODES):
            assert (getattr(config, name) is not None) == (name in own), name
    assert (config.margin, config.proxy_anchor_loss_lambda, config.ranking_weight) == (0.3, 0.5, 1)
    assert config.sampler == "pk" and config.emb_dim == 256
    name = "digits_mobile_hard+proxy_anchor_proxy_anchor_loss_lambda0.5_margin0.3"
    assert os.path.basename(config.run_dir) == name


def name_of(**given):
    return os.path.relpath(make(**given).run_dir, os.path.abspath("checkpoints"))


@pytest.mark.parametrize("suffix", ["../../x", "a/b", "/x"])
def test_a_suffix_does_not_lead_to_another_folder(suffix):
    with pytest.raises(UserError, match="without a folder"):
        make(run_suffix=suffix)


def test_the_default_folder_says_what_the_run_is():
    assert name_of() == "digits_mobile_hard"
    assert name_of(dataset="cars", margin=0.2) == "cars_resnet50_hard"
    given = dict(dataset="cars", train_mode="center", learning_rate=1e-3, seed=2, log_every_steps=7)
    assert name_of(**given) == "cars_resnet50_center_seed2_learning_rate0.001"
    given = dict(dataset="cars", recipe="strong", weight_decay=0.0, label_smoothing=0.1)
    assert name_of(**given) == "cars_resnet50_hard_strong_weight_decay0"
    given = dict(dataset="custom", dataset_path="/x/my birds", pretrained="/y/a b.npz", flip=False)
    assert name_of(**given) == "my birds_resnet50_hard_flipfalse_pretraineda-b.npz"
    assert name_of(train_iters=400, run_suffix="again") == "digits_mobile_hard_train_iters400_again"
    long = dict(pretrained="w" * 300 + ".npz")
    assert len(name_of(**long)) < 140 and name_of(**long) != name_of(pretrained="w" * 301)
    assert make(run_dir="mine").run_dir == os.path.abspath("checkpoints/mine")
    assert make(run_dir="/x/mine").run_dir == "/x/mine"


def test_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().seed = 1


def test_tables_name_settings_that_exist():
    for spec in DATASETS.values():
        assert set(spec.defaults) <= set(SETTINGS)
        make(dataset=spec.folder and next(k for k, v in DATASETS.items() if v is spec) or "digits")
    for name, network in NETWORKS.items():
        assert make(dataset="cars", net=name).frame_size == network.frame_size


def test_the_settings_of_a_loss_are_read_by_its_modes():
    for name, f in SETTINGS.items():
        if f.metadata["group"].startswith("loss"):
            assert f.metadata.get("modes", ()) in (
                (),
                modes_that_read(name),
                TWO_HEAD_MODES,
                MEMORY_MODES,
            ), name
    for mode, row in LOSSES.items():
        for name in row.reads:
            assert mode in SETTINGS[name].metadata["modes"], name

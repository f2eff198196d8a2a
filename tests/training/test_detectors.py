"""Each detector on a run that has its fault and on one that has not."""

import inspect

import numpy as np
import pytest

from config import resolve
from config.losses import LOSSES, TRAIN_MODES, TWO_HEAD_MODES, modes_that_read
from training import detectors
from training.advice import Seen

LABELS = np.array([0, 0, 1, 1, 2, 2])
HEALTHY = {
    "loss": 1.0, "accuracy": 0.7, "ranking_loss": 0.1, "positive_distance": 1e-6,
    "negative_distance": 0.4,
}  # fmt: skip
COLLAPSED = dict(HEALTHY, negative_distance=1e-5)
SMALL = dict(HEALTHY, positive_distance=0.05, negative_distance=0.09)

LARGE = dict(frame_size=224, resize_min=256, resize_max=300)


def seen(lines=(), every=25, labels=LABELS, **settings):
    known = {n: settings.pop(n) for n in list(settings) if n in Seen.__dataclass_fields__}
    given = dict({"dataset": "digits", "eval_split": "val"}, **settings)
    made = Seen(resolve.resolve(given, environ={}, local={}), LABELS, labels, **known)
    made.lines.extend((every * (i + 1), line) for i, line in enumerate(lines))
    return made


def found(name, *args, **settings):
    return detectors.DETECTORS[name].function(seen(*args, **settings))


FAULTS = {
    "collapsed_embedding": [
        ([dict(lines=[HEALTHY] + [COLLAPSED] * 3),
          dict(lines=[SMALL] * 3, train_iters=75)]),
        ([dict(lines=[COLLAPSED] * 2), dict(lines=[COLLAPSED] * 2 + [HEALTHY]),
          dict(lines=[dict(COLLAPSED, positive_distance=0.1)] * 5, train_iters=125),
          dict(lines=[SMALL] * 3, train_iters=76),
          dict(lines=[{"loss": 1.0, "accuracy": 1.0}] * 5, train_mode="vanilla")]),
    ],
    "slow_statistics": [
        [dict(bn_decay=0.9997), dict(bn_decay=0.5, train_iters=2)],
        [dict(), dict(bn_decay=0.0), dict(net="vgg16", **LARGE)],
    ],
    "lagging_statistics": [
        [dict(accuracies=(0.9, 0.3))],
        [dict(accuracies=(0.9, 0.8)), dict(accuracies=(0.3, 0.9)),
         dict(accuracies=(0.9, 0.3), net="vgg16", **LARGE)],
    ],
    "high_learning_rate": [
        [dict(start={"loss": 0.9}, lines=[HEALTHY] * 5)],
        [dict(start={"loss": 0.9}, lines=[HEALTHY] * 4), dict(lines=[HEALTHY] * 5),
         dict(start={"loss": 1.0}, lines=[HEALTHY] * 9),
         dict(start={"loss": 0.9}, lines=[HEALTHY] * 5, every=20),
         dict(start={"loss": 0.9}, lines=[HEALTHY] * 4 + [dict(HEALTHY, loss=0.8)])],
    ],
    "untrained_head": [
        [dict(triplet_loss_lambda=0.0), dict(train_mode="center", center_loss_lambda=0.0),
         dict(untrained=("MobilenetV1/Logits",))],
        [dict(), dict(train_mode="vanilla")],
    ],
    "backbone_not_restored": [
        [dict(not_restored=(3, 130))], [dict(not_restored=(0, 130)), dict()],
    ],
    "one_class_predicted": [
        [dict(predicted=[3, 1, 1])],
        [dict(predicted=[1]), dict(predicted=[1, 1, 2]), dict(predicted=[1, 2, 1]),
         dict(predicted=[1, 1], labels=np.zeros(6, int))],
    ],
    "triplets_at_margin": [
        [dict(lines=[dict(HEALTHY, accuracy=1.0, ranking_loss=0.2)] * 3),
         dict(lines=[dict(HEALTHY, accuracy=1.0, ranking_loss=0.693)] * 3, margin="soft")],
        [dict(lines=[dict(HEALTHY, accuracy=1.0, ranking_loss=0.1)] * 3),
         dict(lines=[dict(HEALTHY, accuracy=0.9, ranking_loss=0.2)] * 3),
         dict(lines=[dict(HEALTHY, accuracy=1.0, ranking_loss=0.0)] * 3, margin="none"),
         dict(lines=[dict(HEALTHY, accuracy=1.0, ranking_loss=0.2)] * 3, train_mode="center")],
    ],
    "slow_input": [[dict(seconds=(0.3, 0.5))], [dict(seconds=(0.2, 0.5))]],
    "one_image_a_class": [
        [dict(labels=np.arange(6))], [dict(labels=np.array([0, 1, 1])), dict()],
    ],
    "chosen_on_test": [
        [dict(eval_split="test")], [dict(), dict(eval_split="test", eval_every_steps=350)],
    ],
}  # fmt: skip


def test_every_detector_has_both_kinds_of_run():
    assert set(FAULTS) == set(detectors.DETECTORS)
    functions = {d.function for d in detectors.DETECTORS.values()}
    members = inspect.getmembers(detectors, inspect.isfunction)
    own = {f for n, f in members if f.__module__ == detectors.__name__ and n[0] != "_"}
    assert functions == own


@pytest.mark.parametrize("name", FAULTS)
def test_a_run_with_the_fault_and_runs_without_it(name):
    faulty, healthy = FAULTS[name]
    for case in faulty:
        sentence, numbers = found(name, **case)
        assert "\n" not in sentence and not sentence.endswith(".") and numbers
        assert (
            "arxiv:" in sentence.lower()
            or ".com/" in sentence
            or ".org/" in sentence
            or (".io/" in sentence)
        )
    for case in healthy:
        assert found(name, **case) is None, case


@pytest.mark.parametrize("mode", TWO_HEAD_MODES)
@pytest.mark.parametrize("margin", [0.2, "soft", "none"])
def test_the_advice_is_nothing_that_is_in_use(mode, margin):
    is_triplet = mode in modes_that_read("margin")
    given = {"margin": margin} if is_triplet else {}
    text = found("collapsed_embedding", [COLLAPSED] * 3, train_mode=mode, **given).sentence
    assert "--learning_rate" in text
    assert f"--train_mode {mode} " not in text and f"--margin {margin}" not in text
    assert ("--margin" in text) == (is_triplet and margin != "soft")
    assert (f"--{LOSSES[mode].weight}" in text) == (not is_triplet)


def test_a_collapse_with_fast_heads_is_put_down_to_their_rate():
    text = found("collapsed_embedding", [COLLAPSED] * 3, head_learning_rate=10.0).sentence
    assert "a lower --head_learning_rate" in text and "--learning_rate" not in text


@pytest.mark.parametrize(
    "given, is_advised",
    [
        ({"train_mode": "hard"}, True),
        ({"train_mode": "hard", "images_per_class": 2}, False),
        ({"train_mode": "hard", "sampler": "shuffle"}, False),
        ({"train_mode": "semi_hard"}, False),
    ],
)
def test_fewer_positives_are_advised_where_the_hardest_of_several_is_taken(given, is_advised):
    text = found("collapsed_embedding", [COLLAPSED] * 3, **given).sentence
    assert ("or --images_per_class 2" in text) == is_advised


def test_the_advice_for_a_sum_names_both_weights():
    text = found("collapsed_embedding", [COLLAPSED] * 3, train_mode="circle+center").sentence
    assert "--circle_loss_lambda and --center_loss_lambda" in text


@pytest.mark.parametrize("mode", TRAIN_MODES)
def test_a_list_for_training_needs_pairs_only_if_there_is_a_ranking_loss(mode):
    made = seen(train_mode=mode)
    made.train_labels = np.arange(3)
    finding = detectors.one_image_a_class(made)
    assert (finding is None) == (mode == "vanilla")
    assert mode == "vanilla" or finding.numbers == {"lists": ["train"]}

import pytest

from config.losses import LOSSES, TWO_HEAD_MODES, modes_that_read
from evaluation.watch import CollapseWatch, advice

COLLAPSED = {"positive_distance": 1e-6, "negative_distance": 1e-5, "active_anchors": 1.0}
HEALTHY = {"positive_distance": 1e-6, "negative_distance": 0.4, "active_anchors": 1.0}


def answers(rows):
    watch = CollapseWatch()
    return [watch.collapsed(row) for row in rows]


def test_warns_once_after_three_collapsed_rows():
    assert answers([COLLAPSED] * 5) == [False, False, True, False, False]
    assert sum(answers([COLLAPSED] * 4 + [HEALTHY] + [COLLAPSED] * 4)) == 1


def test_a_healthy_row_starts_the_count_anew():
    rows = [COLLAPSED, COLLAPSED, HEALTHY, COLLAPSED, COLLAPSED, COLLAPSED]
    assert answers(rows) == [False] * 5 + [True]


def test_a_collapse_without_active_anchors_is_seen_too():
    assert answers([dict(COLLAPSED, active_anchors=0.0)] * 3) == [False, False, True]


def test_one_distance_alone_or_a_vanilla_run_are_no_collapse():
    assert not any(answers([HEALTHY] * 5))
    assert not any(answers([dict(COLLAPSED, positive_distance=0.1)] * 5))
    assert not any(answers([{"loss": 1.0}] * 5))


@pytest.mark.parametrize("mode", TWO_HEAD_MODES)
@pytest.mark.parametrize("margin", [0.2, "soft", "none"])
def test_the_advice_is_nothing_that_is_in_use(mode, margin):
    is_triplet = mode in modes_that_read("margin")
    text = advice(mode, margin if is_triplet else None)
    assert "--learning_rate" in text
    assert f"--train_mode {mode} " not in text and f"--margin {margin}" not in text
    assert ("--margin" in text) == (is_triplet and margin != "soft")
    assert (f"--{LOSSES[mode].weight}" in text) == (not is_triplet)


def test_the_advice_for_a_sum_names_both_weights():
    text = advice("circle+center", None)
    assert "--circle_loss_lambda and --center_loss_lambda" in text

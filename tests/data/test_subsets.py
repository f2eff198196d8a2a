import numpy as np
import pytest

from data import lists
from data.subsets import imbalance_of, long_tail, shots
from utils.errors import UserError


def message_of(image_list, ratio):
    """The error of an impossible long tail."""
    with pytest.raises(UserError) as error:
        long_tail(image_list, ratio)
    return str(error.value)


def list_of(sizes):
    """An ImageList of classes of these sizes, its files named by their rows."""
    labels = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    return lists.ImageList("x", [str(i) for i in range(len(labels))], labels)


def test_long_tail_falls_exponentially_from_the_largest_size():
    counts = np.bincount(long_tail(list_of([16, 40, 14, 64, 17]), 16).labels)
    assert counts.tolist() == [8, 32, 4, 64, 16]


@pytest.mark.parametrize("seed", range(20))
def test_long_tail_against_a_plain_loop(seed):
    rng = np.random.RandomState(seed)
    sizes = rng.randint(4, 61, rng.randint(2, 12))
    ratio = rng.uniform(1, 60)
    ordered = sorted(sizes, reverse=True)
    quotas = [ordered[0] * ratio ** (-i / (len(sizes) - 1)) for i in range(len(sizes))]
    fits = ordered[0] >= ratio and all(s + 0.5 >= q for s, q in zip(ordered, quotas))
    if not fits:
        message = message_of(list_of(sizes), ratio)
        assert f"--imbalance_ratio {ratio:g}" in message
        assert f"{ordered[-1]} to {ordered[0]} images" in message
        return
    tail = long_tail(list_of(sizes), ratio)
    counts = sorted(np.bincount(tail.labels), reverse=True)
    assert counts == [int(round(q)) for q in quotas]
    assert imbalance_of(tail) == counts[0] / counts[-1]


@pytest.mark.parametrize(
    "sizes, ratio, words",
    [
        ([10, 10, 10], 20, "ratios up to 10 are possible"),
        ([60, 20, 4], 4, "ratios from 13.34 to 60 are possible"),
        ([60, 2, 2], 20, "no ratio is possible"),
        ([9], 2, "ratios up to 1 are possible"),
    ],
)
def test_a_ratio_that_the_classes_can_not_meet(sizes, ratio, words):
    assert words in message_of(list_of(sizes), ratio)


def test_every_ratio_that_the_error_names_can_be_met():
    whole = list_of([60, 20, 4])
    for ratio in (13.34, 60):
        assert np.bincount(long_tail(whole, ratio).labels)[0] == 60
    assert imbalance_of(long_tail(list_of([10, 10, 10]), 10)) == 10.0


def test_the_order_of_a_long_tail_is_that_of_the_list_and_drawn_by_the_seed():
    whole = list_of([64] * 5)
    tail = long_tail(whole, 16)
    assert sorted(np.bincount(tail.labels), reverse=True) == [64, 32, 16, 8, 4]
    assert tail.files == sorted(tail.files, key=int) and len(set(tail.files)) == 124
    np.testing.assert_array_equal(tail.labels, whole.labels[[int(name) for name in tail.files]])
    assert long_tail(whole, 16).files == tail.files
    assert long_tail(whole, 16, seed=1).files != tail.files
    assert long_tail(whole, 1).files == whole.files
    orders = {tuple(np.bincount(long_tail(whole, 16, s).labels)) for s in range(9)}
    assert len(orders) > 3


def test_the_measured_ratio():
    assert imbalance_of(list_of([3, 12, 5])) == 4.0
    assert imbalance_of(list_of([7])) == 1.0


def test_shots_keep_a_few_images_of_each_class_in_the_order_of_the_list():
    whole = list_of([5, 2, 9])
    few = shots(whole, 3, seed=4)
    assert np.bincount(few.labels).tolist() == [3, 2, 3]
    rows = [int(name) for name in few.files]
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal(few.labels, whole.labels[rows])
    assert shots(whole, 9, seed=4).files == whole.files


def test_more_shots_keep_the_images_of_fewer_and_a_seed_draws_them():
    whole = list_of([20, 20])
    chosen = [set(shots(whole, number, seed=0).files) for number in (2, 4, 8)]
    assert chosen[0] < chosen[1] < chosen[2]
    assert len({tuple(shots(whole, 2, seed).files) for seed in range(5)}) > 1
    assert shots(whole, 2, seed=0).files == shots(whole, 2, seed=0).files

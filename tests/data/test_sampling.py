import collections

import numpy as np
import pytest

from data import sampling
from data.sampling import SAMPLERS, distinct, pk, random_state, shuffle, uniform


def test_uniform_stays_below_one_in_single_precision():
    class AlmostOne:
        def uniform(self, size):
            return np.full(size, 1 - 2.0**-53)

    assert np.float32(AlmostOne().uniform(1)[0]) == 1
    drawn = uniform(AlmostOne(), [2, 3])
    assert drawn.dtype == np.float32 and drawn.shape == (2, 3) and drawn.max() < 1


def test_numbers_are_the_same_on_every_numpy():
    assert pk(np.arange(1000) % 50, 8, 4, seed=7)(3).tolist() == [
        319, 269, 119, 869, 236, 986, 786, 536
    ]  # fmt: skip
    assert distinct(random_state(7, 1, 0), 10**6, 4).tolist() == [
        929960, 273426, 22738, 844794
    ]  # fmt: skip
    assert shuffle(np.zeros(50), 8, None, seed=7)(11).tolist() == [18, 8, 17, 37, 38, 31, 5, 23]
    drawn = uniform(random_state(5, 2, 9), [4]) * 2**24
    assert drawn.astype(int).tolist() == [4342239, 2842010, 9261396, 6672392]


def test_shuffle_visits_each_image_once_a_pass_and_goes_on_across_its_end():
    batch_at = shuffle(np.zeros(10), batch_size=4, images_per_class=None, seed=3)
    drawn = np.concatenate([batch_at(step) for step in range(10)]).reshape(4, 10)
    for one_pass in drawn:
        np.testing.assert_array_equal(np.sort(one_pass), np.arange(10))
    assert len({tuple(one_pass) for one_pass in drawn}) == 4


def test_pk_batches_hold_p_classes_with_k_distinct_images():
    labels = np.random.RandomState(0).permutation(np.repeat(np.arange(7), 9))
    batch_at = pk(labels, batch_size=12, images_per_class=4, seed=0)
    for start in range(0, 40, 2):  # a pass is two batches of three classes, the seventh is dropped
        seen = []
        for step in (start, start + 1):
            batch = batch_at(step)
            assert len(set(batch)) == 12
            groups = labels[batch].reshape(3, 4)
            assert (groups == groups[:, :1]).all()
            seen += list(groups[:, 0])
        assert len(set(seen)) == 6


def test_pk_drops_each_class_equally_often_and_draws_each_image_equally_often():
    labels = np.repeat(np.arange(5), [2, 3, 4, 7, 30])
    batch_at = pk(labels, batch_size=8, images_per_class=4, seed=1)
    counts = np.bincount(np.concatenate([batch_at(s) for s in range(3000)]), minlength=len(labels))
    classes = np.bincount(labels, weights=counts)
    np.testing.assert_allclose(classes / classes.mean(), 1, atol=0.03)
    for label in range(5):
        own = counts[labels == label]
        np.testing.assert_allclose(own / own.mean(), 1, atol=0.3)


def test_pk_repeats_a_small_class_no_more_than_it_must():
    labels = np.repeat([0, 1], [3, 50])
    batch_at = pk(labels, batch_size=16, images_per_class=8, seed=0)
    for step in range(50):
        counts = np.bincount(batch_at(step), minlength=53)[:3]
        assert counts.sum() == 8 and counts.min() >= 1 and counts.max() <= 3


def test_each_order_of_a_few_distinct_integers_is_equally_likely(monkeypatch):
    monkeypatch.setattr(sampling, "_MANY", 0)
    random = random_state(0, 1, 2)
    counts = collections.Counter(tuple(distinct(random, 5, 3)) for _ in range(12000))
    assert len(counts) == 5 * 4 * 3 and all(len(set(drawn)) == 3 for drawn in counts)
    expected = 12000 / 60
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 102  # 59 on average
    assert sorted(distinct(random, 5, 5)) == [0, 1, 2, 3, 4]


def test_a_batch_costs_no_more_for_a_larger_class(monkeypatch):
    batch_at = pk(np.repeat([0, 1], [10**5, 20]), 16, 8, seed=3)
    batch_at(0)  # the order of the classes

    class Counted:
        def __init__(self, *key):
            self._random = random_state(*key)

        def permutation(self, size):
            assert size <= 24
            return self._random.permutation(size)

        def randint(self, *args, **kwargs):
            drawn.append(args)
            return self._random.randint(*args, **kwargs)

    drawn = []
    monkeypatch.setattr(sampling, "random_state", Counted)
    batch = batch_at(0)
    assert len(drawn) == 8 and len(set(batch)) == 16 and 7 < (batch < 10**5).sum() < 9


def test_pk_refuses_impossible_batches():
    for batch_size, images_per_class in ((10, 4), (16, 4)):
        with pytest.raises(ValueError, match="classes"):
            pk(np.repeat([0, 1, 2], 5), batch_size, images_per_class, seed=0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_batch_is_a_function_of_seed_and_step(name):
    labels = np.repeat(np.arange(10), 20)
    make = lambda seed: SAMPLERS[name](labels, 8, 4, seed)  # noqa: E731
    forward = [make(5)(step).tolist() for step in range(30)]
    assert [make(5)(step).tolist() for step in reversed(range(30))] == forward[::-1]
    assert make(6)(3).tolist() != forward[3]


@pytest.mark.parametrize("name, drawn_a_step", [("shuffle", 0), ("pk", 1)])
def test_the_order_is_drawn_once_a_pass(name, drawn_a_step, monkeypatch):
    """Else a batch would cost as much as the list is long."""
    made = []

    def counted(*key):
        made.append(key)
        return random_state(*key)

    monkeypatch.setattr(sampling, "random_state", counted)
    batch_at = SAMPLERS[name](np.repeat(np.arange(10), 4), 8, 4, 0)
    for step in range(15):  # three passes
        batch_at(step)
    assert len(set(made)) == len(made) == 3 + 15 * drawn_a_step


def test_an_image_is_as_likely_at_every_place_of_a_pass():
    batch_at = shuffle(np.zeros(5), 5, None, seed=1)
    passes = np.array([batch_at(step) for step in range(5000)])
    for place in passes.T:
        np.testing.assert_allclose(np.bincount(place) / 5000, 0.2, atol=0.03)


def test_the_largest_seed():
    for name in SAMPLERS:
        assert len(SAMPLERS[name](np.repeat([0, 1], 4), 8, 4, 2**32 - 1)(0)) == 8

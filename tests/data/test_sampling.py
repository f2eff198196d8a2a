import time

import numpy as np
import pytest

from data.sampling import SAMPLERS, permute, pk, random_key, shuffle


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 9, 64, 65, 1000, 4097])
def test_permute_is_a_permutation(size):
    values = permute(np.arange(size), size, random_key(7, size))
    assert values.dtype == np.int64
    np.testing.assert_array_equal(np.sort(values), np.arange(size))


def test_permute_takes_sizes_and_keys_of_their_own():
    together = permute(np.zeros(3, int), [5, 500, 7], random_key(0, [1, 2, 3]))
    alone = [permute(0, size, random_key(0, key))[0] for size, key in ((5, 1), (500, 2), (7, 3))]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("size", [2, 3, 5, 10, 17])
def test_every_value_is_equally_likely_at_every_position(size):
    draws = 5000
    values = permute(
        np.arange(size)[np.newaxis], size, random_key(1, np.arange(draws)[:, np.newaxis])
    )
    expected = draws / size
    for position in range(size):
        counts = np.bincount(values[:, position], minlength=size)
        assert np.sum((counts - expected) ** 2 / expected) < size + 6 * np.sqrt(2 * size)


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


@pytest.mark.parametrize("name", SAMPLERS)
def test_cost_of_a_batch_does_not_grow_with_the_list(name):
    def seconds(labels):
        batch_at = SAMPLERS[name](labels, 32, 4, 0)
        batch_at(0)
        start = time.perf_counter()
        for step in range(100):
            batch_at(step * 9973)
        return time.perf_counter() - start

    small, large = (np.arange(count) % (count // 20) for count in (2000, 2000000))
    assert min(seconds(large) for _ in range(3)) < 4 * min(seconds(small) for _ in range(3))

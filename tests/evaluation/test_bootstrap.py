import numpy as np
import pytest

from evaluation import bootstrap


def test_intervals_equal_plain_resampling():
    rng = np.random.RandomState(0)
    values = {"a": rng.rand(40), "b": np.where(rng.rand(40) < 0.3, np.nan, rng.rand(40))}
    found = bootstrap.intervals_of_means(values, seed=5)
    draws = np.random.RandomState(5)
    means = {"a": [], "b": []}
    for _ in range(1000):
        chosen = draws.randint(0, 40, 40)
        for name in means:
            known = [values[name][i] for i in chosen if not np.isnan(values[name][i])]
            means[name].append(sum(known) / len(known))
    for name in means:
        assert found[name] == pytest.approx(list(np.percentile(means[name], [2.5, 97.5])))
        assert found[name][0] < np.nanmean(values[name]) < found[name][1]
    assert found == bootstrap.intervals_of_means(values, seed=5)
    assert found != bootstrap.intervals_of_means(values, seed=6)


def test_an_interval_is_about_two_standard_errors_wide():
    correct = np.arange(900) % 10 < 8
    low, high = bootstrap.intervals_of_means({"a": correct}, seed=0)["a"]
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 900), rel=0.1)


def test_nothing_to_resample():
    assert bootstrap.intervals_of_means({"a": np.full(5, np.nan)}, seed=0) == {"a": None}


def test_a_paired_gain_resamples_seeds_and_images():
    rng = np.random.RandomState(0)
    differences = 0.1 + 0.3 * rng.randn(6, 1) + rng.randn(6, 50)
    differences[:, 7] = np.nan
    found = bootstrap.interval_of_paired_gain(differences)
    assert found == bootstrap.interval_of_paired_gain(differences)
    known = np.delete(differences, 7, axis=1)
    draws = np.random.RandomState(1)
    means = [known[draws.randint(0, 6, 6)][:, draws.randint(0, 49, 49)].mean() for _ in range(4000)]
    assert found == pytest.approx(list(np.percentile(means, [2.5, 97.5])), abs=0.03)
    assert found[0] < known.mean() < found[1]


def test_the_interval_of_a_gain_counts_both_causes_of_chance():
    images_alone = np.tile(np.random.RandomState(0).randn(1, 400), (4, 1))
    low, high = bootstrap.interval_of_paired_gain(images_alone)
    assert high - low == pytest.approx(2 * 1.96 * images_alone.std() / 20, rel=0.1)
    seeds_alone = np.tile([[0.0], [1.0]], (1, 400))
    assert bootstrap.interval_of_paired_gain(seeds_alone) == [0.0, 1.0]
    assert bootstrap.interval_of_paired_gain(np.full((2, 3), np.nan)) is None

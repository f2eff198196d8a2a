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

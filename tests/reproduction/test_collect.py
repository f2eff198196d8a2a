import numpy as np
import pytest

from reproduction.collect import Entry


def entry(values, published=None, baseline=None, row="Two-head hard", **changes):
    made = Entry(row, "cars", "accuracy", values, published, baseline or {}, [], {})
    return made._replace(**changes)


def test_mean_spread_difference_and_gain_by_hand():
    e = entry({0: 0.80, 1: 0.82, 2: 0.87}, 0.84, {0: 0.78, 1: 0.81, 2: 0.83})
    assert e.mean == pytest.approx(0.83) and e.std == pytest.approx(0.0360555, rel=1e-4)
    assert e.difference == pytest.approx(-0.01) and e.published_is_inside is True
    assert e.gain == pytest.approx(7 / 300)
    differences = np.array([0.02, 0.01, 0.04])
    t = differences.mean() / (differences.std(ddof=1) / np.sqrt(3))
    assert t == pytest.approx(2.6458, rel=1e-4)
    assert e.p_value == pytest.approx(0.1181, abs=1e-4)  # of a t distribution with 2 degrees
    assert entry({0: 0.80, 1: 0.82, 2: 0.87}, 0.90).published_is_inside is False


def test_gains_use_only_the_seeds_that_both_have():
    e = entry({0: 0.5, 2: 0.9}, None, {1: 0.1, 2: 0.8})
    assert e.gain == pytest.approx(0.1) and e.p_value is None


def test_one_run_or_none_has_no_spread():
    one, none = entry({0: 0.5}, 0.6), entry({}, 0.6)
    assert one.std is None and one.published_is_inside is None and one.p_value is None
    assert none.mean is None and none.difference is None and none.gain is None

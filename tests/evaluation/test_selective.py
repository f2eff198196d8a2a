import numpy as np
import pytest

from evaluation import selective
from tests.evaluation.oracles import plain_area


def test_a_curve_by_hand():
    doubt = np.array([3.0, 1.0, 2.0, 2.0])
    errors = np.array([True, False, True, False])
    found = selective.risk_coverage(selective.thresholds(doubt), errors, np.ones(4, int))
    assert found[0].tolist() == [0.25, 0.75, 1.0]
    assert found[1].tolist() == pytest.approx([0, 1 / 3, 1 / 2])
    assert found[2] == pytest.approx((0 + 1 / 3 + 1 / 3 + 1 / 2) / 4)


@pytest.mark.parametrize("values", [3, 1000])
def test_the_area_and_its_interval_equal_plain_resampling(values):
    rng = np.random.RandomState(values)
    doubt, errors = rng.randint(0, values, 30).astype(float), rng.rand(30) < 0.4
    found = selective.selective(errors, ~errors, {"d": doubt}, seed=3, resamples=50)
    curve = found["curves"]["d"]
    assert curve["area"] == pytest.approx(plain_area(doubt, errors))
    draws, areas = np.random.RandomState(3), []
    for _ in range(50):
        chosen = draws.randint(0, 30, 30)
        areas.append(plain_area(doubt[chosen], errors[chosen]))
    assert curve["area_interval"] == pytest.approx(list(np.percentile(areas, [2.5, 97.5])))
    assert curve["coverage"][-1] == 1 and curve["risk"][-1] == pytest.approx(errors.mean())
    for coverage, risk in zip(curve["coverage"], curve["risk"]):
        limit = sorted(doubt)[int(round(coverage * 30)) - 1]
        answered = [e for d, e in zip(doubt, errors) if d <= limit]
        assert risk == pytest.approx(sum(answered) / len(answered))


def test_a_good_reason_to_reject_has_a_small_area():
    errors = np.arange(100) >= 80
    good, bad = np.arange(100.0), -np.arange(100.0)
    curves = selective.selective(errors, errors, {"good": good, "bad": bad}, 0, 20)["curves"]
    assert curves["good"]["area"] < 0.05 < 0.4 < curves["bad"]["area"]
    assert len(curves["good"]["coverage"]) == 20
    assert curves["good"]["coverage"] == pytest.approx([i / 20 for i in range(1, 21)])


def test_error_rates_by_agreement():
    errors, agree = np.array([True, False, False, True]), np.array([True, True, True, False])
    found = selective.selective(errors, agree, {}, 0)
    assert found["error_where_they_agree"] == pytest.approx(1 / 3)
    assert found["error_where_they_differ"] == 1
    found = selective.selective(errors, np.full(4, True), {}, 0)
    assert np.isnan(found["error_where_they_differ"])


def test_three_reasons_to_doubt():
    confidences, distances = np.array([0.9, 0.5, 0.5]), np.array([0.3, 0.2, 0.1])
    found = selective.doubts(confidences, distances)
    assert found["softmax"].tolist() == [-0.9, -0.5, -0.5]
    assert found["distance"].tolist() == [0.3, 0.2, 0.1]
    assert found["both"].tolist() == [(1 + 3) / 2, (2.5 + 2) / 2, (2.5 + 1) / 2]

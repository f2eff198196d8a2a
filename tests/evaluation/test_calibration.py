import math

import numpy as np
import pytest

from evaluation import calibration


def test_calibration_error_equals_plain_loops():
    rng = np.random.RandomState(0)
    for size in (7, 100, 1000):
        confidences = rng.rand(size)
        correct = rng.rand(size) < confidences**2
        ranked = sorted(zip(confidences, correct))
        short, longer = divmod(size, 15)
        total, start = 0.0, 0
        for b in range(15):
            part = ranked[start : start + short + (b < longer)]
            start += len(part)
            if part:
                mean = sum(c for c, _ in part) / len(part)
                total += abs(mean - sum(r for _, r in part) / len(part)) * len(part) / size
        found = calibration.expected_calibration_error(confidences, correct)
        assert found == pytest.approx(total, abs=1e-9)


def plain_loss(logits, labels, temperature):
    total = 0.0
    for row, label in zip(logits.astype(float), labels):
        total += math.log(sum(math.exp((x - row[label]) / temperature) for x in row))
    return total / len(labels)


def test_the_temperature_minimises_the_likelihood():
    rng = np.random.RandomState(1)
    labels = rng.randint(0, 4, 300)
    logits = 5 * (np.eye(4)[labels] + rng.randn(300, 4))
    found = calibration.fit_temperature(logits, labels)
    least = plain_loss(logits, labels, found)
    for other in (0.2, 0.5, 0.9, 1.1, 2.0, 5.0):
        assert least <= plain_loss(logits, labels, found * other)
    assert calibration.fit_temperature(3 * logits, labels) == pytest.approx(3 * found, rel=1e-3)


def test_scaling_with_held_out_images_brings_overconfident_logits_nearer():
    rng = np.random.RandomState(2)
    labels = rng.randint(0, 4, 2000)
    logits = 8 * (np.eye(4)[labels] + rng.randn(2000, 4)).astype(np.float32)
    held_out, tested = slice(0, 1000), slice(1000, 2000)
    found = calibration.calibration(
        logits[tested], labels[tested], (logits[held_out], labels[held_out])
    )
    assert found["temperature"] > 2 and found["ece_after"] < found["ece"] / 3
    without = calibration.calibration(logits[tested], labels[tested])
    assert without == {"ece": found["ece"], "temperature": None, "ece_after": None}


def test_a_perfect_held_out_list_gives_a_finite_temperature():
    labels = np.arange(4)
    assert 0 < calibration.fit_temperature(100 * np.eye(4), labels) < 1

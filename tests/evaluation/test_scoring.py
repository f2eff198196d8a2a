import json
import math

import numpy as np
import pytest

from evaluation import metrics, scoring, spaces
from tests.evaluation.oracles import plain_area, plain_retrieval

NOBODY = np.full(40, -1)


def arrays_of(seed, size=40, classes=5):
    rng = np.random.RandomState(seed)
    labels = rng.randint(0, classes, size).astype(np.int32)
    centres = np.random.RandomState(99).randn(classes, 6)
    draw = lambda noise: (centres[labels] + noise * rng.randn(size, 6)).astype(np.float32)  # noqa: E731
    logits = (2 * np.eye(classes)[labels] + 1.2 * rng.randn(size, classes)).astype(np.float32)
    return {
        "labels": labels,
        "logits": logits,
        "pooled": draw(1.5),
        "embeddings": spaces.unit_rows(draw(1.0)),
    }


def plain_votes(arrays, train, space, k, classes=5):
    """Class probabilities of each image by its nearest training images, and their distances."""
    vectors, others = spaces.vectors_of(arrays, space), spaces.vectors_of(train, space)
    votes, nearest = [], []
    for query in vectors.astype(float):
        squared = [float(np.sum((query - other) ** 2)) for other in others]
        order = sorted(range(len(squared)), key=squared.__getitem__)[:k]
        found = [0.0] * classes
        for row in order:
            found[train["labels"][row]] += math.exp((1 - squared[row] / 2) / 0.07)
        votes.append([f / sum(found) for f in found])
        nearest.append(math.sqrt(squared[order[0]]))
    return np.array(votes), np.array(nearest)


@pytest.fixture(scope="module")
def scored():
    test, train, val = (arrays_of(seed) for seed in (1, 2, 3))
    held_out = scoring.HeldOut("val", scoring.Outputs(val, NOBODY))
    outputs = scoring.Outputs(test, NOBODY)
    report, nearest = scoring.score(outputs, train, held_out, spaces.SPACES, "both", 3, seed=4)
    return test, train, val, report, nearest


def test_every_space_has_every_metric_and_equals_plain_loops(scored):
    test, train, _, report, nearest = scored
    assert tuple(report["spaces"]) == spaces.SPACES
    for space, found in report["spaces"].items():
        assert tuple(found) == metrics.names_of("retrieval", "clustering", "gallery")
        expected = plain_retrieval(spaces.vectors_of(test, space), test["labels"], 3)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, abs=1e-6), (space, name)
        votes, _ = plain_votes(test, train, space, 3)
        right = np.mean(votes.argmax(axis=1) == test["labels"])
        assert found["train_knn_accuracy"] == pytest.approx(right)
    values = [json.dumps(found, sort_keys=True) for found in report["spaces"].values()]
    assert len(set(values)) == 3
    assert {name: report[name] for name in report["spaces"]["both"]} == report["spaces"]["both"]
    assert nearest.shape == (40, 16) and not np.any(nearest == np.arange(40)[:, np.newaxis])


def test_the_table_reaches_the_report(scored):
    assert set(metrics.METRICS) <= set(scored[3])


def test_the_two_classifiers_equal_plain_loops(scored):
    test, train, val, report, _ = scored
    heads = report["heads"]
    weight = heads["fusion_weight"]

    def right_with(arrays, w):
        votes, _ = plain_votes(arrays, train, "both", 3)
        right = []
        for row, label in enumerate(arrays["labels"]):
            exponentials = np.exp(arrays["logits"][row].astype(float))
            mixed = (1 - w) * exponentials / exponentials.sum() + w * votes[row]
            right.append(mixed.argmax() == label)
        return np.mean(right)

    assert heads["fusion_accuracy"] == pytest.approx(right_with(test, weight))
    assert right_with(val, weight) == max(right_with(val, step / 20) for step in range(21))
    assert heads["fusion_weight_chosen_on"] == "val" and heads["num_neighbours"] == 3
    votes, nearest = plain_votes(test, train, "both", 3)
    first, second = test["logits"].argmax(axis=1), votes.argmax(axis=1)
    assert heads["agreement"] == pytest.approx(np.mean(first == second))
    wrong = first != test["labels"]
    curves = report["selective"]["curves"]
    assert curves["distance"]["area"] == pytest.approx(plain_area(nearest, wrong))
    found = report["selective"]["error_where_they_agree"]
    assert found == pytest.approx(wrong[first == second].mean())


def test_intervals_hold_the_figures(scored):
    report = scored[3]
    figures = dict(report, fusion_accuracy=report["heads"]["fusion_accuracy"])
    assert {"accuracy", "recall@1", "map@r", "r_precision", "fusion_accuracy"} <= set(
        report["intervals"]
    )
    for name, (low, high) in report["intervals"].items():
        assert low <= figures[name] <= high, name
    assert report["intervals"]["map@r"][1] - report["intervals"]["map@r"][0] > 0.02


def test_without_held_out_images_nothing_is_tuned():
    test, train = arrays_of(1), arrays_of(2)
    outputs = scoring.Outputs(test, NOBODY)
    report, _ = scoring.score(outputs, train, None, ("pooled",), "pooled")
    assert report["heads"]["fusion_weight"] == 0.5
    assert report["heads"]["fusion_weight_chosen_on"] is None
    assert report["calibration"]["temperature"] is None
    assert report["calibration"]["ece_after"] is None and report["calibration"]["ece"] > 0
    assert tuple(report["spaces"]) == ("pooled",)


def test_no_image_of_the_training_list_votes_for_itself():
    train = arrays_of(2)
    outputs = scoring.Outputs(train, np.arange(40))
    report, _ = scoring.score(outputs, train, None, ("embedding",), "embedding", 1)
    assert report["train_knn_accuracy"] == report["recall@1"] < 1


def test_what_cannot_be_asked_is_none_and_the_report_is_json():
    test, train = arrays_of(1, 5), arrays_of(2)
    test["labels"] = np.arange(5, dtype=np.int32)
    outputs = scoring.Outputs(test, NOBODY[:5])
    report, _ = scoring.score(outputs, train, None, spaces.SPACES, "embedding")
    assert report["recall@1"] is None and report["spaces"]["both"]["r_precision"] is None
    assert report["intervals"]["map@r"] is None
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_scores_during_training_are_those_of_the_report():
    test, train = arrays_of(1), arrays_of(2)
    scores = scoring.in_training(test, test["embeddings"])
    assert tuple(scores) == metrics.names_of(in_training=True)
    outputs = scoring.Outputs(test, NOBODY)
    report, _ = scoring.score(outputs, train, None, spaces.SPACES, "embedding")
    assert scores == {name: report[name] for name in scores}

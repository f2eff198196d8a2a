import os

import numpy as np
import pytest

from evaluation import metrics, outputs, retrieval
from evaluation.bootstrap import interval_of_paired_gain
from evaluation.spaces import vectors_of
from reproduction import images
from reproduction.cells import cells_of
from reproduction.collect import Entry, baseline_of, entries_of, runs_of
from reproduction.state import states_of
from reproduction.tables import TABLES
from tests.reproduction.helpers import finish, path_in_run, request_of


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


def test_a_gain_is_over_the_softmax_row_with_the_same_other_settings():
    rows = TABLES["recipes"].rows
    by_label = {row.label: row for row in rows}
    for recipe in ("paper", "strong"):
        softmax = by_label[f"Softmax, {recipe}"]
        assert baseline_of(by_label[f"Two-head hard, {recipe}"], rows) == softmax
        assert baseline_of(softmax, rows) is None
    softmax, *by_margin = TABLES["ablation_margin"].rows
    assert softmax.label == "Softmax" and len(by_margin) == 5
    assert all(baseline_of(row, (softmax, *by_margin)) is softmax for row in by_margin)
    assert baseline_of(by_margin[0], by_margin) is None


@pytest.fixture
def two_runs(tmp_path):
    """A request of softmax and hard with two seeds, each run with stored outputs of 40 images."""
    common = {"runs_dir": str(tmp_path / "runs"), "datasets_dir": str(tmp_path / "datasets")}
    request = request_of(
        datasets=("cars",), modes=("vanilla", "hard"), seeds=(0, 1), common=common, table="losses"
    )
    labels = np.repeat(np.arange(4), 10).astype(np.int32)
    correct = {}
    cells = cells_of(request)
    for number, cell in enumerate(cells):
        rng = np.random.RandomState(number)
        is_correct = rng.rand(40) < (0.9 if cell.config.train_mode == "hard" else 0.5)
        logits = np.eye(4, dtype=np.float32)[np.where(is_correct, labels, (labels + 1) % 4)]
        finish(cell, is_correct.mean() - 0.01)
        vectors = rng.randn(40, 3).astype(np.float32)
        arrays = dict(labels=labels, logits=logits, pooled=vectors, embeddings=vectors)
        path = path_in_run(cell, "eval", "test-best", "embeddings.npz")
        outputs.save(path, arrays, [str(i) for i in range(40)], "identity")
        correct[cell.config.train_mode, cell.seed] = is_correct
    return request, cells, correct


def test_the_interval_of_a_gain_is_over_seeds_and_images(two_runs):
    request, cells, correct = two_runs
    runs = runs_of(request, cells, states_of(cells))
    softmax, hard = entries_of(request, runs, ("accuracy",))
    assert softmax.gain_interval is None
    gains = np.stack([correct["hard", s] * 1.0 - correct["vanilla", s] for s in (0, 1)])
    assert hard.gain == pytest.approx(gains.mean())
    low, high = hard.gain_interval
    assert low < hard.gain < high
    assert [low, high] == interval_of_paired_gain(gains)
    for metric in ("recall@1", "map@r"):
        assert entries_of(request, runs, (metric,))[1].gain_interval is not None
    assert entries_of(request, runs, ("nmi",))[1].gain_interval is None


def test_without_the_outputs_of_a_run_a_gain_has_no_interval(two_runs):
    request, cells, _ = two_runs
    os.remove(path_in_run(cells[-1], "eval", "test-best", "embeddings.npz"))
    hard = entries_of(request, runs_of(request, cells, states_of(cells)), ("accuracy",))[1]
    assert hard.gain is not None and hard.gain_interval is None


@pytest.mark.parametrize("protocol, published", [("clean", 0.8585), ("validation", None)])
def test_published_numbers_stand_beside_scores_of_the_test_list_alone(
    tmp_path, protocol, published
):
    common = {"runs_dir": str(tmp_path)}
    request = request_of(datasets=("cars",), modes=("vanilla",), protocol=protocol, common=common)
    cells = cells_of(request)
    for cell in cells:
        finish(cell, 0.5)
    (entry,) = entries_of(request, runs_of(request, cells, states_of(cells)), ("accuracy",))
    assert entry.mean == 0.5 and entry.published == pytest.approx(published)
    assert {source["split"] for source in entry.sources} == {cells[0].config.final_split or "test"}


def test_images_give_the_scores_of_the_report(two_runs):
    _, cells, _ = two_runs
    folder = path_in_run(cells[0], "eval", "test-best")
    arrays = outputs.read(os.path.join(folder, "embeddings.npz"))
    names = ("accuracy", "mean_per_class_accuracy", "recall@1", "pooled/map@r", "nmi")
    found = images.values_of(folder, "embedding", names)
    logits, labels = arrays["logits"], arrays["labels"]
    assert set(found) == set(names) - {"nmi"}
    assert found["accuracy"].mean() == metrics.accuracy(logits, labels)
    macro = metrics.mean_per_class_accuracy(logits, labels)
    assert found["mean_per_class_accuracy"].mean() == pytest.approx(macro)
    values, _ = retrieval.retrieval_values(vectors_of(arrays, "pooled"), labels)
    np.testing.assert_array_equal(found["pooled/map@r"], values["map@r"])
    assert images.values_of(str(folder) + "-missing", "embedding", names) == {}

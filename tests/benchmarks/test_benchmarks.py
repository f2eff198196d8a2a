"""The benchmarks run, and their results file keeps what was not measured again."""

import time

import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import profile_step, scaling, turns
from config.resolve import resolve
from training import graphs
from training.build import train_input
from utils.tf1 import TENSORFLOW_VERSION, tf

# Seven processes; six; the step of "step_time" in another precision; what a test below measures.
SLOW = ("scaling", "startup", "precision", "waiting")
NAMES = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else pytest.mark.ci)
    for name in benchmarks.BENCHMARKS
]


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_runs_and_is_written(name, tmp_path):
    out = tmp_path / "results.md"
    benchmarks.main(["--only", name, "--quick", "--out", str(out)])
    text = out.read_text()
    assert f"## TensorFlow {TENSORFLOW_VERSION}\n" in text
    assert f"| {name} | " in text


def test_only_the_measured_rows_of_one_section_change():
    first = benchmarks.updated("", "TensorFlow 1", "old", {"export": ["| export | a |"]})
    both = {"export": ["| export | b |"], "retrieval": ["| retrieval | b |"]}
    second = benchmarks.updated(first, "TensorFlow 2", "machine", both)
    third = benchmarks.updated(second, "TensorFlow 2", "new", {"export": ["| export | c |"]})
    assert "machine" in second and "machine" not in third
    assert [line for line in third.splitlines() if line.startswith(("##", "| e", "| r"))] == [
        "## TensorFlow 2", "| export | c |", "| retrieval | b |", "## TensorFlow 1",
        "| export | a |",
    ]  # fmt: skip
    assert benchmarks.updated(third, "TensorFlow 2", "new", {}) == third


def test_the_model_of_a_step_by_hand():
    alone = scaling.predicted_step(1, 0.1, 200e6, 1e9, 1e-3)
    assert alone == pytest.approx(0.1)
    four = scaling.predicted_step(4, 0.1, 200e6, 1e9, 1e-3)
    assert four == pytest.approx(0.1 + 2 * 3 / 4 * 0.2 + 6 * 1e-3)
    lines = list(scaling.sizing())
    assert [line.split("|")[1].strip() for line in lines[4:]] == ["1", "8", "64", "1,024"]


def test_tasks_take_turns():
    calls = []

    def task(name, seconds):
        return lambda: calls.append(name) or seconds.pop(0)

    seconds = turns.take_turns({"a": task("a", [9, 2, 4]), "b": task("b", [9, 1, 1])}, rounds=2)
    assert calls == ["a", "b"] * 3 and seconds == {"a": [2, 4], "b": [1, 1]}
    row = turns.compare(seconds, "a", "b", "here", most=3)
    assert row.ratios == [2, 4]
    cells = ("here: a / b", "3.000", "2.000 - 4.000", "at most 3", "yes", "3 s and 1 s")
    assert row.cells == cells
    assert row._replace(most=2.9).held == "no" and row._replace(most=None).held == ""
    assert row._replace(most=None, least=3.1).held == "no"
    assert list(turns.lines_of([row])) == [
        "here: a / b 3.000 (2.000 - 4.000), 3 s and 1 s; promised at most 3, held: yes"
    ]


def test_a_profile_of_a_step_that_tensorboard_opens(shared_tree, tmp_path):
    config = resolve(
        dict(dataset="custom", dataset_path=shared_tree, net="mobile", pretrained="none",
             frame_size=32, resize_min=34, resize_max=40, batch_size=8, depth_multiplier=0.25)
    )  # fmt: skip
    kinds = profile_step.seconds_by_kind(profile_step.trace(config, str(tmp_path)))
    names = [kind for kind, _, _ in kinds]
    assert any("Conv2DBackpropFilter" in name for name in names)
    assert [s for _, _, s in kinds] == sorted((s for _, _, s in kinds), reverse=True)
    (path,) = tmp_path.iterdir()
    events = list(tf.train.summary_iterator(str(path)))
    tagged = [e.tagged_run_metadata for e in events if e.tagged_run_metadata.tag]
    assert [run.tag for run in tagged] == ["step"]
    assert tf.RunMetadata.FromString(tagged[0].run_metadata).step_stats.dev_stats
    assert any(event.graph_def for event in events)
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = reader.EventAccumulator(str(tmp_path)).Reload()
    assert run.Tags()["run_metadata"] == ["step"] and run.Tags()["graph"]


@pytest.mark.ci
def test_a_slow_input_counts_as_waiting(monkeypatch):
    tiny = dict(net="mobile", batch_size=8, frame_size=32, rounds=1)

    def share():
        (row,) = profile_step.measure_waiting(**tiny)
        return max(row.ratios)

    def slow(*args):
        return train_input(*args).map(lambda images, labels: (images + pause(), labels))

    def pause():
        waited = tf.numpy_function(lambda: time.sleep(2) or np.float32(0), [], tf.float32)
        return tf.reshape(waited, [])

    assert 0 <= share() < 0.6
    monkeypatch.setattr(graphs, "train_input", slow)
    assert share() > 0.6

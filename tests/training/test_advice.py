"""Advice in whole runs: once, in the log and in advice.json, and as the error of a strict run."""

import json
import os
import time

import numpy as np
import pytest

from data import pipeline
from tests.conftest import write_tree
from tests.training.test_trainer import last_weights, message_of, train
from training import advice, hooks
from utils import advice_file, checkpoints
from utils.errors import UserError


def names_in(run):
    return [entry["name"] for entry in advice_file.read(str(run))]


def test_each_is_given_once_with_its_numbers(shared_tree, tmp_path):
    run = tmp_path / "run"
    for steps in (2, 3):
        train(shared_tree, run, train_iters=steps)
    assert names_in(run)[:2] == ["slow_statistics", "chosen_on_test"]
    entries = json.loads((run / "advice.json").read_text())
    assert entries[0]["numbers"] == {"bn_decay": 0.5, "train_iters": 2, "remains": 0.25}
    log = (run / "log.txt").read_text()
    for entry in entries:
        assert log.count(entry["sentence"]) == 1


def test_a_strict_run_ends_before_it_begins_if_its_settings_are_at_fault(shared_tree, tmp_path):
    given = dict(train_iters=9, train_mode="hard", triplet_loss_lambda=0.0, eval_every_steps=9)
    message = message_of(train, shared_tree, tmp_path / "run", strict=True, **given)
    assert "the head embedding (--triplet_loss_lambda is 0)" in message and "--strict" in message
    assert checkpoints.latest(str(tmp_path / "run")) is None
    assert names_in(tmp_path / "run") == ["untrained_head"]
    train(shared_tree, tmp_path / "run", **given)
    assert last_weights(tmp_path / "run")["global_step"] == 9


def test_a_strict_run_is_saved_before_it_ends(shared_tree, tmp_path, monkeypatch):
    """An embedding that does not change: equal distances of 0 from step 1 on."""
    log = hooks.Log.after_step

    def collapse(self, loop, terms):
        log(self, loop, dict(terms, positive_distance=0.0, negative_distance=0.0))

    given = dict(train_iters=9, eval_every_steps=9, strict=True)
    with monkeypatch.context() as patch:
        patch.setattr(hooks.Log, "after_step", collapse)
        message = message_of(train, shared_tree, tmp_path / "run", **given)
    assert "collapsed" in message and "after step 3, which is saved" in message
    assert last_weights(tmp_path / "run")["global_step"] == 3
    train(shared_tree, tmp_path / "run", **dict(given, strict=False))
    assert last_weights(tmp_path / "run")["global_step"] == 9


@pytest.mark.usefixtures("whole_mobilenet")
def test_one_class_for_everything_and_a_list_without_pairs(tmp_path):
    tree = str(tmp_path / "tree")
    write_tree(os.path.join(tree, "train"))
    write_tree(os.path.join(tree, "test"), per_class=1)
    given = dict(train_iters=3, learning_rate=0.0, bn_decay=0.9997)
    train(tree, tmp_path / "run", **given)
    # Whether a batch shows how far the statistics lag depends on the random weights.
    assert [name for name in names_in(tmp_path / "run") if name != "lagging_statistics"] == [
        "slow_statistics", "one_image_a_class", "chosen_on_test", "one_class_predicted",
    ]  # fmt: skip


def test_layers_without_start_weights(shared_tree, tmp_path):
    """The narrower network's weights fit the wider one in no layer but a few."""
    train(shared_tree, tmp_path / "narrow", train_iters=1)
    weights = dict(pretrained=checkpoints.latest(str(tmp_path / "narrow")), train_iters=1)
    train(shared_tree, tmp_path / "same", **weights)
    assert "backbone_not_restored" not in names_in(tmp_path / "same")
    path = str(tmp_path / "some.npz")
    with_few = {
        name: value
        for name, value in last_weights(tmp_path / "narrow").items()
        if "Conv2d_13" not in name and "Momentum" not in name and "/" in name
    }
    np.savez(path, **with_few)
    train(shared_tree, tmp_path / "few", pretrained=path, train_iters=1)
    (entry,) = [e for e in advice_file.read(str(tmp_path / "few")) if "backbone" in e["name"]]
    assert entry["numbers"] == {"not_restored": 10, "variables": 25}


@pytest.mark.ci
def test_an_input_slower_than_the_network_is_measured(shared_tree, tmp_path, monkeypatch):
    """The timing takes batches, and the next step gets its own all the same."""
    given = dict(train_iters=5, eval_every_steps=5, accumulate_batches=2)
    train(shared_tree, tmp_path / "untimed", **given)
    check, time_input = pipeline.check_file, advice.Advice._time_input

    def check_slowly(path):
        time.sleep(0.03)
        check(path)

    def time_after_a_pause(self, loop):
        time.sleep(1)  # in which the input reads ahead
        time_input(self, loop)

    monkeypatch.setattr(advice, "TIMED_STEPS", 3)
    monkeypatch.setattr(pipeline, "check_file", check_slowly)
    monkeypatch.setattr(advice.Advice, "_time_input", time_after_a_pause)
    train(shared_tree, tmp_path / "slow", **given)
    (entry,) = [e for e in advice_file.read(str(tmp_path / "slow")) if e["name"] == "slow_input"]
    assert entry["numbers"]["input_seconds"] >= 0.8 * 2 * 8 * 0.03 and entry["step"] == 3
    expected, found = last_weights(tmp_path / "untimed"), last_weights(tmp_path / "slow")
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_a_head_without_a_gradient_is_seen_in_the_graph(shared_tree, tmp_path, monkeypatch):
    assert "untrained_head" not in _run(shared_tree, tmp_path / "both")
    monkeypatch.setattr(advice, "MOMENTUM_SLOT", "none")
    assert "untrained_head" in _run(shared_tree, tmp_path / "none")


def _run(tree, run):
    train(tree, run, train_iters=1)
    return names_in(run)


@pytest.mark.parametrize("contents", ["", "{}", "[1]", '[{"name": 1}]', "[" * 4000])
def test_a_damaged_advice_json_is_kept_and_does_not_stop_a_run(tmp_path, contents, caplog):
    (tmp_path / "advice.json").write_text(contents)
    with pytest.raises(UserError, match="is not a list of advice"):
        advice_file.read(str(tmp_path))
    assert advice_file.read_or_move_away(str(tmp_path)) == []
    assert (tmp_path / "advice.json.damaged").read_text() == contents
    advice_file.add(str(tmp_path), "a", 3, "s", {"loss": float("nan")})
    advice_file.add(str(tmp_path), "b", 4, "t", {})
    advice_file.add(str(tmp_path), "a", 5, "u", {"files": ["x"]})
    assert advice_file.read(str(tmp_path)) == [
        {"name": "b", "step": 4, "sentence": "t", "numbers": {}},
        {"name": "a", "step": 5, "sentence": "u", "numbers": {"files": ["x"]}},
    ]

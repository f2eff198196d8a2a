"""The loop and its hooks: what is logged, compared, saved and made up for after a stop."""

import os
from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import CLASSES, write_tree
from tests.training.test_trainer import last_weights, message_of, train, weights_of
from training import hooks, trainer
from training import loop as training_loop
from training.advice import Advice
from utils import checkpoints, logs
from utils.errors import Interrupted

Settings = namedtuple("Settings", "train_iters batch_size accumulate_batches log_every_steps")


class Table:
    def __init__(self):
        self.rows = []

    def write(self, step, split, values):
        self.rows.append((step, split, values))


def test_a_log_line_is_the_mean_of_its_interval(monkeypatch):
    """Of all steps since the last line, with every image of accumulated batches counted."""
    clock = iter(range(0, 1000, 10))
    look = lambda: next(clock)  # noqa: E731
    monkeypatch.setattr(hooks, "time", namedtuple("Clock", "time perf_counter")(look, lambda: 0.0))
    settings = Settings(train_iters=6, batch_size=4, accumulate_batches=3, log_every_steps=3)
    session = namedtuple("Session", "run")(lambda _: 0.5)
    graph = namedtuple("Graph", "learning_rate")(None)
    table, interval = Table(), np.zeros(3)
    log = hooks.Log(table)
    for done in range(7):
        is_due = lambda every, done=done: done % every == 0  # noqa: E731
        loop = SimpleNamespace(
            config=settings, session=session, graph=graph, done=done, is_due=is_due,
            interval=interval,
        )  # fmt: skip
        if done == 0:
            log.begin(loop)
        else:
            log.after_step(loop, {"loss": float(done**2), "accuracy": 0.5})
            assert (log.mean is None) == (done in (2, 4, 5))
    log.end(loop)
    steps, losses = zip(*((step, values["loss"]) for step, _, values in table.rows))
    assert steps == (1, 3, 6) and losses == (1, (4 + 9) / 2, (16 + 25 + 36) / 3)
    # The clock goes on by ten seconds at each look; it is looked at twice a line.
    assert [values["images_per_second"] for _, _, values in table.rows] == [1.2, 2.4, 3.6]


class Stop:
    """Stands for StopRequest: a signal that comes when the test wants it."""

    signal_number = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        Stop.signal_number = None


@pytest.fixture
def stop(monkeypatch):
    monkeypatch.setattr(training_loop, "StopRequest", Stop)
    yield Stop
    Stop.signal_number = None


def evaluations_of(run):
    return [r["step"] for r in logs.read_metrics(str(run)) if r["split"] == "test"]


@pytest.mark.promise(
    "a signal comes during an evaluation", "the evaluation is done after the resume"
)
@pytest.mark.parametrize("moment", ["before", "during"])
def test_an_evaluation_that_a_signal_kept_away_is_made_up_for(
    shared_tree, tmp_path, monkeypatch, stop, moment
):
    given = dict(train_iters=4, eval_every_steps=2, learning_rate=0.05)
    train(shared_tree, tmp_path / "whole", **given)
    run = tmp_path / "run"
    run_network, log = hooks.network.run_network, hooks.Log.after_step

    def interrupted(session, graph, image_list, is_stopped):
        stop.signal_number = 15
        return run_network(session, graph, image_list, is_stopped)

    def log_and_stop(self, loop, terms):
        log(self, loop, terms)
        stop.signal_number = 15 if loop.done == 2 else None

    with monkeypatch.context() as patch:
        if moment == "during":
            patch.setattr(hooks.network, "run_network", interrupted)
        else:
            patch.setattr(hooks.Log, "after_step", log_and_stop)
        with pytest.raises(Interrupted, match="stopped and saved after step 2 of 4"):
            train(shared_tree, run, **given)
    assert checkpoints.latest(str(run)).endswith("-2") and evaluations_of(run) == []
    train(shared_tree, run, **given)
    assert evaluations_of(run) == evaluations_of(tmp_path / "whole") == ["2", "4"]
    assert last_weights(run)["best"].tolist() == last_weights(tmp_path / "whole")["best"].tolist()
    assert os.listdir(str(run / "best"))


@pytest.mark.parametrize("accuracy", [1 / 3, 0.7])
def test_of_equal_evaluations_the_first_is_best(shared_tree, tmp_path, monkeypatch, accuracy):
    """In 32 bits, as it is stored, a third is more than in 64 bits, and 0.7 is less."""
    evaluate = hooks.scoring.in_training
    always = lambda *args: dict(evaluate(*args), accuracy=accuracy)  # noqa: E731
    monkeypatch.setattr(hooks.scoring, "in_training", always)
    train(shared_tree, tmp_path / "run", train_iters=3)
    best = last_weights(tmp_path / "run")["best"]
    assert best.tolist() == [np.float32(accuracy), 1]
    saved = weights_of(checkpoints.latest(str(tmp_path / "run" / "best")))
    assert saved["global_step"] == 1


@pytest.mark.promise("a weight is not finite", "it is never saved")
def test_what_is_not_finite_is_never_saved(shared_tree, tmp_path, monkeypatch):
    """A moving average that no gradient touches is looked at, too."""
    name = "MobilenetV1/Conv2d_1_pointwise/BatchNorm/moving_variance"
    log = hooks.Log.after_step

    def log_and_spoil(self, loop, terms):
        log(self, loop, terms)
        (variable,) = [v for v in trainer.tf.global_variables() if v.op.name == name]
        if loop.done == 2:
            value = loop.session.run(variable)
            variable.load(np.where(np.arange(len(value)) == 1, np.nan, value), loop.session)

    monkeypatch.setattr(hooks.Log, "after_step", log_and_spoil)
    given = dict(train_iters=3, save_every_steps=1, eval_every_steps=9)
    message = message_of(train, shared_tree, tmp_path / "run", **given)
    assert name in message and "after step 2" in message and "model.ckpt-1 is kept" in message
    assert checkpoints.latest(str(tmp_path / "run")).endswith("-1")


def test_advice_on_statistics_differs_from_what_is_set(shared_tree, tmp_path):
    log = {}
    for decay in (0.5, 0.9):
        train(shared_tree, tmp_path / str(decay), bn_decay=decay)
        log[decay] = (tmp_path / str(decay) / "log.txt").read_text()
    assert "--bn_decay 0.5 forgets too slowly for --train_iters 2" in log[0.5]
    assert "train longer" in log[0.5] and "--bn_decay 0.5 suits this length" in log[0.9]


def test_hooks_end_after_an_error_too(shared_tree, tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(hooks.Hook, "end", lambda self, loop: ended.append(type(self)))
    message_of(train, shared_tree, tmp_path / "run", learning_rate=1e38, train_iters=9)
    assert {hooks.Checkpoints, hooks.Evaluation, Advice} <= set(ended)
    assert logs.LOGGER.handlers == []


def test_a_run_that_was_stopped_before_its_first_checkpoint_keeps_its_start(
    shared_tree, tmp_path, stop, monkeypatch
):
    """args.json alone makes no run that could be resumed without its start weights."""
    train(shared_tree, tmp_path / "start", train_iters=1)
    weights = checkpoints.latest(str(tmp_path / "start"))
    given = dict(pretrained=weights, train_iters=1, learning_rate=0.0, bn_decay=0.0)
    take = training_loop.take_step

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training_loop, "take_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train(shared_tree, tmp_path / "run", **given)
    assert (tmp_path / "run" / "args.json").exists()
    monkeypatch.setattr(training_loop, "take_step", take)
    train(shared_tree, tmp_path / "run", **given)
    name = "MobilenetV1/Conv2d_1_pointwise/weights"
    np.testing.assert_array_equal(last_weights(tmp_path / "run")[name], weights_of(weights)[name])


def test_shorter_runs_and_other_splits_are_refused(shared_tree, tmp_path):
    run = tmp_path / "run"
    train(shared_tree, run, train_iters=2)
    assert "less than the 2 steps" in message_of(train, shared_tree, run, train_iters=1)
    assert "--eval_split test, not val" in message_of(train, shared_tree, run, eval_split="val")


@pytest.mark.promise("--on_exist overwrite names a folder that is no run", "nothing is removed")
def test_what_is_overwritten_is_a_run_and_not_its_start(shared_tree, tmp_path):
    run = tmp_path / "run"
    train(shared_tree, run, train_iters=1)
    weights = checkpoints.latest(str(run))
    again = dict(on_exist="overwrite", train_iters=1)
    message = message_of(train, shared_tree, run, pretrained=weights, **again)
    assert f"--pretrained {weights} lies in the run folder" in message
    assert checkpoints.latest(str(run)) == weights
    other = tmp_path / "other"
    other.mkdir()
    for text in ('{"mine": 1}', "[]", "no json"):
        (other / "args.json").write_text(text)
        assert "args.json" in message_of(train, shared_tree, other, **again)
        assert (other / "args.json").read_text() == text


def test_an_image_of_two_lists_is_said(tmp_path):
    tree = write_tree(str(tmp_path / "tree"), per_class=5)
    os.makedirs(os.path.join(tree, "lists"))
    files = [f"{name}/{i}.jpg" for name in CLASSES for i in range(5)]
    for split, chosen in (("train", files), ("test", files[3:5] + files[10:11])):
        rows = [f"{i},{name.split('/')[0]},{name}" for i, name in enumerate(chosen)]
        path = os.path.join(tree, "lists", f"{split}_all_sub_list.csv")
        with open(path, "w") as file:
            file.write("\n".join([",label,file_name", *rows]) + "\n")
    train(tree, tmp_path / "run", train_iters=1)
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "3 images of the training list are also in an evaluation list, such as " in log

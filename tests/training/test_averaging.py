"""Averages of the weights: what they are, that nothing else changes, and who reads them."""

import dataclasses

import numpy as np
import pytest

from config.resolve import resolve
from evaluation import evaluator, network
from inference.predictor import Predictor
from tests.training.test_replicas import LAYOUTS, make_config, tiny_tower
from tests.training.test_replicas import train_list as train_list
from tests.training.test_trainer import message_of, train, weights_of
from training import graphs, preflight, step
from training.averaging import create_averages
from training.loop import take_step
from training.optimizer import build_optimizer
from training.replicas import Replicas
from utils import checkpoints
from utils.checkpoints import AVERAGE
from utils.tf1 import slim, tf


def normalised_tower(config, images, num_classes, is_training, reuse=None):
    norm = {"decay": 0.5, "is_training": is_training}
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=norm):
        return tiny_tower(config, images, num_classes, is_training, reuse)


def averaged(values, decay):
    """The average of a list of arrays, in float64."""
    mean = np.zeros_like(values[0], np.float64)
    for n, value in enumerate(values):
        kept = min(decay, n / (n + 9))
        mean = kept * mean + (1 - kept) * value
    return mean


def variables_after(config, train_list, num_steps):
    """The variables of a run after each step: list of dict."""
    replicas = Replicas(config.gpu)
    with tf.Graph().as_default(), replicas.strategy.scope():
        graph = graphs.build_train_graph(config, train_list, 8, replicas)
        variables = replicas.own_copies(tf.global_variables())
        with replicas.open_session() as session:
            graphs.start(session, graph)
            found = []
            for done in range(num_steps):
                take_step(session, graph, config, train_list, done)
                session.run(graph.average_statistics)
                found.append(session.run(variables))
            return found


@pytest.mark.parametrize("layout", ["one batch", "two replicas", "two replicas, two batches"])
def test_averages_are_those_of_plain_numpy_and_change_nothing_else(train_list, layout, monkeypatch):
    monkeypatch.setattr(step, "build_tower", normalised_tower)
    config = make_config(LAYOUTS[layout], learning_rate=0.01, train_mode="proxy_anchor")
    plain = variables_after(config, train_list, 4)
    found = variables_after(dataclasses.replace(config, ema_decay=0.15), train_list, 4)
    for before, after in zip(plain, found):
        for name, value in before.items():
            np.testing.assert_array_equal(after[name], value, err_msg=name)
    averages = {name for name in found[0] if name.endswith(AVERAGE)}
    assert set(found[0]) == set(plain[0]) | averages | {"averaged_steps"}
    assert {f"{name}/{AVERAGE}" for name in plain[0] if "/moving_" in name} < averages
    assert f"embedding/weights/{AVERAGE}" in averages
    for name in averages:
        values = [variables[name[: -len(AVERAGE) - 1]] for variables in found]
        assert np.abs(values[-1] - values[0]).max() > 0
        for number in range(1, 5):
            expected = averaged(values[:number], 0.15)
            bound = 1e-6 * np.abs(values).max()
            np.testing.assert_allclose(found[number - 1][name], expected, 0, bound, err_msg=name)


def test_statistics_are_updated_before_they_are_averaged(train_list, monkeypatch):
    monkeypatch.setattr(step, "build_tower", normalised_tower)
    config = make_config(LAYOUTS["one batch"], ema_decay=0.9)
    with tf.Graph().as_default():
        taken = graphs.build_train_graph(config, train_list, 8).step
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        (count,) = [v for v in tf.global_variables() if v.op.name == "averaged_steps"]
        (counted,) = [
            op for op in ancestors_of([taken])
            if op.type.startswith("Assign") and op.inputs[0].op.name == count.op.name
        ]  # fmt: skip
        assert len(updates) == 2
        assert set(updates) <= ancestors_of([counted])


def ancestors_of(ops):
    """The ops that some ops wait for, and they themselves."""
    found, waiting = set(), list(ops)
    while waiting:
        op = waiting.pop()
        if op not in found:
            found.add(op)
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return found


def test_a_step_with_an_infinite_gradient_does_not_count():
    given = {"learning_rate": 0.1, "end_learning_rate": 0.1, "precision": "mixed", "ema_decay": 0.9}
    with tf.Graph().as_default(), tf.Session() as session:
        count = tf.train.get_or_create_global_step()
        optimizer, _ = build_optimizer(resolve(given), count)
        weights = slim.model_variable("w", initializer=[1.0, -2.0])
        create_averages()
        factor = tf.placeholder(tf.float32, [])
        _, move = step.minimise(optimizer, factor * tf.reduce_sum(weights), count, 1)
        session.run(tf.global_variables_initializer())
        names = (f"w/{AVERAGE}", "averaged_steps")
        kept = [v for name in names for v in tf.global_variables() if v.op.name == name]
        values = []
        for value in (np.inf, 1.0, np.inf, 1.0):
            session.run(move, {factor: value})
            if np.isfinite(value):
                values.append(session.run(weights))
            mean, number = session.run(kept)
            expected = averaged(values, 0.9) if values else np.zeros(2)
            np.testing.assert_allclose(mean, expected, rtol=1e-6)
            assert number == len(values)


def test_evaluations_and_predictions_use_the_averages(shared_tree, tmp_path, monkeypatch):
    noted, run_network = [], network.run_network

    def noting(*args, **kwargs):
        noted.append(run_network(*args, **kwargs))
        return noted[-1]

    monkeypatch.setattr(network, "run_network", noting)
    config = train(shared_tree, tmp_path / "run", ema_decay=0.9, learning_rate=0.05)
    in_training = noted[-1]
    evaluator.evaluate_run(config.run_dir, "test")
    images = preflight.load_dataset(config, ["test"]).splits["test"]
    averages, weights = (outputs_with(config, images, name) for name in (f"{{}}/{AVERAGE}", "{}"))
    assert np.abs(averages["logits"] - weights["logits"]).max() > 1e-3
    stored = np.load(f"{config.run_dir}/eval/test/embeddings.npz")
    for name in ("logits", "embeddings", "pooled"):
        for arrays in (in_training, stored):
            np.testing.assert_allclose(arrays[name], averages[name], rtol=0, atol=1e-5)
    with Predictor(config.run_dir) as predictor:
        answers = predictor.predict(images.paths)
    found = [answer.embedding for answer in answers]
    np.testing.assert_allclose(found, averages["embeddings"], rtol=0, atol=1e-5)


def outputs_with(config, images, pattern):
    """What a run's network gives with the values that its checkpoint has under other names."""
    values = weights_of(checkpoints.latest(config.run_dir))
    with tf.Graph().as_default(), tf.Session() as session:
        graph = graphs.build_eval_graph(config, images, 4)
        for variable in tf.global_variables():
            variable.load(values[pattern.format(variable.op.name)], session)
        return network.run_network(session, graph, images)


def test_a_checkpoint_without_averages_is_refused_where_they_are_needed(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        slim.model_variable("w", initializer=[1.0, -2.0])
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
        create_averages()
        message = message_of(checkpoints.restore, tf.train.Saver(), session, prefix)
    assert f"has no w/{AVERAGE}" in message

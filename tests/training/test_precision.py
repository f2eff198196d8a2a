"""Mixed precision: what it rewrites, and what loss scaling does to a step and to a run."""

import os

import numpy as np
import pytest

from config.networks import NETWORKS
from config.resolve import resolve
from evaluation import evaluator
from losses.objective import objective
from nets.factory import network_fn
from nets.two_head import two_head
from tests.training.test_trainer import last_weights, message_of, train
from training.optimizer import build_optimizer
from training.step import minimise
from utils import tf1
from utils.tf1 import TENSORFLOW_VERSION, cpu_flags, session_config, tf

HAS_BFLOAT16 = not TENSORFLOW_VERSION.startswith("1.") and cpu_flags() & {"avx512_bf16", "amx_bf16"}


@pytest.fixture
def allowed(monkeypatch):
    """Any device may train in mixed precision, with nothing but the loss scaled."""
    plain = tf1.session_config
    monkeypatch.setattr(tf1, "session_config", lambda gpu, *_: plain(gpu))


@pytest.mark.parametrize("num_batches", [1, 2])
def test_a_step_with_an_infinite_gradient_is_counted_and_moves_nothing(num_batches):
    with tf.Graph().as_default(), tf.Session() as session:
        count = tf.train.get_or_create_global_step()
        optimizer, _ = build_optimizer(
            resolve({"learning_rate": 0.1, "end_learning_rate": 0.1, "precision": "mixed"}), count
        )
        weights = tf.get_variable("w", initializer=[1.0, -2.0])
        factor = tf.placeholder(tf.float32, [])
        accumulate, step = minimise(optimizer, factor * tf.reduce_sum(weights), count, num_batches)
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])

        def take(value):
            for _ in range(num_batches if accumulate is not None else 0):
                session.run(accumulate, {factor: value})
            session.run(step, {factor: value})
            (scale,) = [v for v in tf.global_variables() if v.op.name == "current_loss_scale"]
            return session.run([weights, count, scale])

        moved, steps, scale = take(1.0)
        np.testing.assert_allclose(moved, [0.9, -2.1], rtol=1e-6)
        kept, steps, halved = take(np.inf)
        np.testing.assert_array_equal(kept, moved)
        assert steps == 2 and halved == scale / 2
        np.testing.assert_allclose(take(1.0)[0], [0.9 - 0.19, -2.1 - 0.19], rtol=1e-6)


def test_a_run_with_a_scaled_loss_resumes_and_can_be_evaluated(allowed, shared_tree, tmp_path):
    whole = dict(precision="mixed", train_iters=4)
    train(shared_tree, tmp_path / "whole", **whole)
    train(shared_tree, tmp_path / "halves", **dict(whole, train_iters=2, end_learning_rate=0.01))
    config = train(shared_tree, tmp_path / "halves", **whole)
    weights = last_weights(tmp_path / "halves")
    assert weights["global_step"] == 4 and weights["current_loss_scale"] == 2**15
    assert set(weights) == set(last_weights(tmp_path / "whole"))
    assert evaluator.evaluate_run(config.run_dir, "test")["step"] == 4
    message = message_of(train, shared_tree, tmp_path / "halves", precision="float32")
    assert "precision" in message


def test_a_device_without_mixed_precision_is_refused_before_the_folder_is_made(
    shared_tree, tmp_path, monkeypatch
):
    monkeypatch.setattr(tf1, "cpu_flags", lambda: {"avx512f"})
    message = message_of(train, shared_tree, tmp_path / "run", precision="mixed")
    assert "mixed precision on a CPU" in message and not os.path.exists(str(tmp_path / "run"))


def dtypes_of_a_step(mode):
    """The floating types of each kind of op that a step of a two-head network runs."""
    config = session_config("-1", "mixed")
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        images, row = tf.random_normal([8, 64, 64, 3]), NETWORKS["resnet50"]
        tower = two_head(
            images, network_fn("resnet50"), 10, True, row.pooled, row.feature_map, emb_dim=16
        )
        built = objective(
            mode, tf.range(8) // 2, tower.logits, tower.embeddings, 1.0, {"margin": 0.2}
        )
        optimizer = tf.train.MomentumOptimizer(0.01, 0.9)
        step = optimizer.minimize(built.total)
        session.run(tf.global_variables_initializer())
        ran = tf.RunMetadata()
        options = tf.RunOptions(output_partition_graphs=True)
        session.run([built.terms, step], options=options, run_metadata=ran)
    found = {}
    for graph in ran.partition_graphs:
        for node in graph.node:
            kinds = {name: tf.as_dtype(node.attr[name].type) for name in "TU" if name in node.attr}
            found.setdefault(node.op.replace("_Mkl", "").replace("Native", ""), []).append(kinds)
    return found


@pytest.mark.skipif(not HAS_BFLOAT16, reason="this CPU or TensorFlow has no bfloat16")
@pytest.mark.parametrize("mode", ["hard", "semi_hard", "adaptive"])
def test_convolutions_are_in_bfloat16_and_losses_in_float32(mode):
    found = dtypes_of_a_step(mode)
    for op in ("Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput"):
        assert {kinds["T"] for kinds in found[op]} == {tf.bfloat16}, op
    exact = ("MatMul", "SparseSoftmaxCrossEntropyWithLogits", "Rsqrt", "Square", "Sub", "Maximum",
             "Sum", "MatrixSetDiagV3", "ApplyMomentum")  # fmt: skip
    for op in exact:
        floats = {kinds["T"] for kinds in found[op] if kinds["T"].is_floating}
        assert floats == {tf.float32}, op
    norms = [kinds for op, all_ in found.items() if "FusedBatchNorm" in op for kinds in all_]
    assert len(norms) > 90 and all(kinds["U"] == tf.float32 for kinds in norms)  # statistics

import dataclasses
import os

import numpy as np
import pytest

from config.losses import TWO_HEAD_MODES
from config.resolve import resolve
from data import lists
from nets.dropout import dropout
from nets.two_head import TwoHead
from tests.conftest import write_tree
from training import build, graphs, preflight, step
from training.loop import take_step
from training.replicas import Replicas
from utils.errors import UserError
from utils.tf1 import slim, tf

STEPS = 10
# The batch size, the batches of a step and the devices of the same step of 32 images.
LAYOUTS = {
    "one batch": (32, 1, "-1"),
    "four batches": (8, 4, "-1"),
    "two replicas": (32, 1, "-1,-1"),
    "two replicas, two batches": (16, 2, "-1,-1"),
}


@pytest.fixture(scope="module")
def train_list(tmp_path_factory):
    root = write_tree(str(tmp_path_factory.mktemp("replicas") / "tree"), 6, list("abcdefgh"))
    return lists.load(root, ["train"]).splits["train"]


def make_config(layout, **given):
    batch_size, accumulate_batches, gpu = layout
    settings = dict(
        {"dataset": "custom", "dataset_path": "tree", "net": "mobile", "frame_size": 32,
         "resize_min": 32, "resize_max": 40, "depth_multiplier": 0.25, "pretrained": "none",
         "emb_dim": 8, "weight_decay": 1e-3, "learning_rate": 1e-4, "train_iters": 40},
        batch_size=batch_size, accumulate_batches=accumulate_batches, gpu=gpu,
    )  # fmt: skip
    # Statistics of a batch depend on what is in it, and so on the layout.
    return dataclasses.replace(resolve(dict(settings, **given)), freeze_bn=True)


def tiny_tower(config, images, num_classes, is_training, reuse=None):
    """Enough of a network to have weights before and in both heads."""
    del config
    with tf.variable_scope(tf.get_variable_scope(), reuse=reuse):
        net = slim.conv2d(images / 128, 4, 5, 4, scope="conv")
        pooled = dropout(tf.reduce_mean(net, [1, 2]), 0.75, is_training)
        logits = slim.fully_connected(pooled, num_classes, activation_fn=None, scope="logits")
        vectors = slim.fully_connected(slim.flatten(net), 8, activation_fn=None, scope="embedding")
    return TwoHead(logits, tf.nn.l2_normalize(vectors, 1, 1e-10), pooled, {})


def run_steps(config, train_list, start, steps=STEPS):
    """Terms of each step, and the variables after the last one.

    They start from the checkpoint `start`; if there is none yet, they end in it.
    """
    replicas = Replicas(config.gpu)
    with tf.Graph().as_default(), replicas.strategy.scope():
        graph = graphs.build_train_graph(config, train_list, 8, replicas)
        with replicas.open_session() as session:
            graphs.start(session, graph)
            saver = tf.train.Saver()
            has_start = os.path.exists(start + ".index")
            if has_start:
                saver.restore(session, start)
            terms = [take_step(session, graph, config, train_list, i) for i in range(steps)]
            if not has_start:
                saver.save(session, start)
            names = [v.op.name for v in tf.global_variables()]
            return terms, dict(zip(names, session.run(tf.global_variables())))


def assert_equal(found, expected, error=1e-5):
    for ours, theirs in zip(found[0], expected[0]):
        assert ours.keys() == theirs.keys()
        for name in set(theirs) - {"active_anchors"}:  # it jumps when an anchor is at the edge
            assert ours[name] == pytest.approx(theirs[name], rel=error, abs=error), name
    assert found[1].keys() == expected[1].keys()
    for name, value in expected[1].items():
        if len(found[0]) > 1 and name.endswith("/Momentum"):
            continue  # gradients of later steps jump where a ReLU or a hardest pair changes
        bound = 1e-5 * max(1.0, np.abs(value).max())
        np.testing.assert_allclose(found[1][name], value, rtol=0, atol=bound, err_msg=name)


# A mean, and variables: with a rate, an update, clusters; "hard" has a value for each anchor.
KINDS = ("semi_hard", "proxy_anchor", "center", "magnet")


def marks_of(mode):
    return [] if mode == "hard" else [pytest.mark.ci if mode in KINDS else pytest.mark.slow]


@pytest.mark.parametrize("mode", [pytest.param(m, marks=marks_of(m)) for m in TWO_HEAD_MODES])
def test_every_layout_takes_the_same_steps(mode, train_list, tmp_path, monkeypatch):
    monkeypatch.setattr(step, "build_tower", tiny_tower)
    start = str(tmp_path / "start")
    run_steps(make_config(LAYOUTS["one batch"], train_mode=mode), train_list, start, 0)
    runs = {
        name: run_steps(make_config(layout, train_mode=mode), train_list, start)
        for name, layout in LAYOUTS.items()
    }
    first, last = runs["one batch"][0][0], runs["one batch"][0][-1]
    assert first["ranking_loss"] > 0
    if mode != "magnet":  # its clusters are not there yet
        assert last["ranking_loss"] != first["ranking_loss"]
    for name in LAYOUTS:
        assert_equal(runs[name], runs["one batch"])


@pytest.mark.ci
def test_a_real_network_too(train_list, tmp_path):
    start = str(tmp_path / "start")
    config = make_config(LAYOUTS["one batch"])
    # Statistics of real activations, so that frozen ones keep the values in range.
    first = dataclasses.replace(config, freeze_bn=False, bn_decay=0.0, learning_rate=0.0)
    run_steps(first, train_list, start, 1)
    expected = run_steps(config, train_list, start, 1)  # random layers soon amplify differences
    for name in ("four batches", "two replicas"):
        assert_equal(run_steps(make_config(LAYOUTS[name]), train_list, start, 1), expected)


def test_mining_in_each_part_finds_other_pairs(train_list, tmp_path, monkeypatch):
    monkeypatch.setattr(step, "build_tower", tiny_tower)
    start = str(tmp_path / "start")
    run_steps(make_config(LAYOUTS["one batch"]), train_list, start, 0)
    for name in ("one batch", "two replicas"):
        config = make_config(LAYOUTS[name], mining="batch")
        terms, _ = run_steps(config, train_list, start, 1)
        if name == "one batch":
            whole = terms[0]
    assert terms[0]["cross_entropy"] == pytest.approx(whole["cross_entropy"], rel=1e-5)
    assert terms[0]["ranking_loss"] < whole["ranking_loss"] - 1e-3  # easier negatives


@pytest.mark.parametrize(
    "batch_size, given, count, advice",
    [
        (32, {}, 3, "choose 24 or 36"),
        (8, {}, 4, "choose 16"),
        (12, {"mining": "batch"}, 2, "choose 16"),
        (33, {"sampler": "shuffle"}, 2, "choose 32 or 34"),
    ],
)
def test_batches_that_the_replicas_cannot_share(batch_size, given, count, advice):
    config = make_config((batch_size, 1, "-1"), **given)
    with pytest.raises(UserError, match=f"{count} replicas.*{advice}"):
        preflight.check_replicas(config, count)


def test_batches_that_they_can_share():
    preflight.check_replicas(make_config((32, 1, "-1")), 4)
    preflight.check_replicas(make_config((32, 1, "-1"), mining="batch"), 4)
    preflight.check_replicas(make_config((33, 1, "-1"), sampler="shuffle"), 1)


def test_a_memory_of_the_parts_that_are_mined_alone():
    config = make_config((32, 1, "-1"), mining="batch", memory=64, memory_start=1)
    preflight.check_replicas(config, 1)
    with pytest.raises(UserError, match="--memory on 2 replicas needs --mining step"):
        preflight.check_replicas(config, 2)


def test_the_shares_of_the_input_are_the_batch_of_one_device(train_list):
    def images(config, index, count):
        with tf.Graph().as_default(), tf.Session() as session:
            dataset = build.train_input(config, train_list, 3, index, count)
            return session.run(tf.data.make_one_shot_iterator(dataset).get_next())

    config = make_config((32, 1, "-1"))
    whole = images(config, 0, 1)
    shares = [images(config, index, 4) for index in range(4)]
    for position in range(2):
        joined = np.concatenate([share[position] for share in shares])
        np.testing.assert_array_equal(joined, whole[position])


def test_shared_batch_normalisation_is_that_of_one_device(train_list, tmp_path, monkeypatch):
    def normalised_tower(config, images, num_classes, is_training, reuse=None):
        norm = {"decay": 0.5, "is_training": is_training}
        with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=norm):
            return tiny_tower(config, images, num_classes, is_training, reuse)

    monkeypatch.setattr(step, "build_tower", normalised_tower)
    start = str(tmp_path / "start")
    one, two = (make_config(LAYOUTS[name]) for name in ("one batch", "two replicas"))
    run_steps(one, train_list, start, 0)
    expected = run_steps(one, train_list, start, 1)
    found = run_steps(dataclasses.replace(two, sync_bn=True), train_list, start, 1)
    apart = run_steps(two, train_list, start, 1)
    moments = [name for name in expected[1] if name.endswith("moving_variance")]
    assert len(moments) == 1
    for name in moments:  # TensorFlow's fused layer corrects the bias of the variance
        np.testing.assert_allclose(found[1].pop(name), expected[1].pop(name), rtol=1e-3)
        assert apart[1].pop(name) is not None
    assert_equal(found, expected)
    with pytest.raises(AssertionError):
        assert_equal(apart, expected)

"""Every network: the published variables and logits, a training step, saved and restored."""

import hashlib
import inspect
import math
import zlib
from typing import NamedTuple, Tuple

import numpy as np
import pytest

from config.networks import NETWORKS
from nets.factory import BACKBONES, network_fn
from utils.tf1 import tf


class Case(NamedTuple):
    """What is known of a published network.

    `count` and `digest` are of its checkpoint: the number of variables, and the first 16 digits of
    the SHA-256 of its sorted lines "name [shape]". `logits` are the first three of the first image
    at `frame` pixels under the weights of `value_of`, and three of the auxiliary classifier. They
    were measured with the published functions themselves (tensorflow/models, tf-slim and
    pudae/tensorflow-densenet); those of vgg16 with ours, which gives tf-slim's at 224 pixels.
    """

    classes: int
    count: int
    digest: str
    frame: int
    logits: Tuple[float, ...]


CASES = {
    "resnet50": Case(1001, 272, "8e4f56a616676bad", 64, (20.9373, -32.7632, -52.4456)),
    "resnet101": Case(1001, 544, "33e407e03c0c4c6c", 64, (-98.9121, -449.361, 47.1132)),
    "resnet152": Case(1001, 816, "ac09871add6ef0a1", 64, (1838.09, -10972.0, 1946.45)),
    "resnet50_v1": Case(1000, 267, "e22a51e4ef568f30", 64, (-26.1177, -36.77, 21.7016)),
    "resnet101_v1": Case(1000, 522, "a602d75215dbca3c", 64, (2667.54, 2707.65, -1146.32)),
    "resnet152_v1": Case(1000, 777, "e7ee7f7f40cc659a", 64, (103763.0, 41428.3, -177539.0)),
    "inc1": Case(1001, 230, "9a6ec351ba2dd729", 224, (-49.3525, 24.4689, 110.821)),
    "inc2": Case(1001, 277, "8812b5b27080971d", 64, (-22.6666, -39.5739, 88.1804)),
    "inc3": Case(
        1001, 388, "3b0defd78f24147e", 139,
        (35.6054, -0.834256, 44.2644, -6.22397, 29.1484, -12.7284),
    ),
    "inc4": Case(
        1001, 608, "050477a96eee025f", 139,
        (-159.433, -219.879, -646.788, -92.5354, -161.647, 99.8466),
    ),
    "densenet161": Case(1000, 806, "4e031b664a31327f", 72, (0.482509, 0.882092, 0.533259)),
    "mobile": Case(1001, 137, "d805263660bc9d10", 72, (0.146045, -0.158436, 0.120206)),
    "vgg16": Case(1000, 32, "8f56455515eff1e8", 64, (-4.42192, 2.62681, -2.22093)),
}  # fmt: skip
THINNER = {
    0.75: (0.00492991, 0.217153, -0.101646),
    0.5: (0.0547093, -0.10587, -0.227924),
    0.25: (0.034366, -0.176478, 0.200287),
}
# Side of the feature map h at the network's own frame size, and its channels.
FEATURE_MAPS = {
    **{name: (7, 2048) for name in CASES if name.startswith("resnet")},
    "inc1": (7, 1024),
    "inc2": (7, 1024),
    "inc3": (8, 2048),
    "inc4": (8, 1536),
    "densenet161": (7, 2208),
    "mobile": (7, 1024),
    "vgg16": (7, 512),
}
POOL = np.random.RandomState(7).standard_normal(999983).astype(np.float32)
BN_DECAY = 0.8


def value_of(name, shape):
    """Weights that anybody can make anew, of a size that keeps the activations in bounds."""
    count, start = int(np.prod(shape)), zlib.crc32(name.encode()) % len(POOL)
    normal = np.resize(np.roll(POOL, -start), count).reshape(shape)
    kind = name.rsplit("/", 1)[1]
    if kind in ("gamma", "moving_variance"):
        return 0.75 + 0.25 * np.tanh(normal)
    if not kind.endswith("weights"):
        return 0.1 * normal
    inputs = np.prod(shape[:2]) if kind == "depthwise_weights" else np.prod(shape[:-1])
    return normal * np.float32(np.sqrt(2 / inputs))


def set_values(session, variables, of=value_of):
    feeds = {v.initializer.inputs[1]: of(v.op.name, v.shape.as_list()) for v in variables}
    session.run([v.initializer for v in variables], feeds)


def images_of(frame):
    return tf.constant(np.resize(POOL, [2, frame, frame, 3]))


def quick_session():
    """A session that does not optimise the graph, which takes longer here than running it."""
    config = tf.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf.Session(config=config)


def digest_of(variables):
    lines = sorted(f"{v.op.name} {v.shape.as_list()}" for v in variables)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def needs_its_own_frame(name):
    """Whether the shapes of its variables follow from the frame size."""
    return NETWORKS[name].auxiliary is not None or name == "vgg16"


class Towers:
    """A network with a training and an evaluation tower and a step on all that the loss reads."""

    def __init__(self, name):
        case, row = CASES[name], NETWORKS[name]
        decay = None if row.bn_decay is None else BN_DECAY
        images = images_of(case.frame)
        logits, _ = network_fn(name, decay)(images, case.classes, True)
        self.variables = tf.global_variables()
        self.eval_logits, self.end_points = network_fn(name)(
            images, case.classes, False, reuse=True
        )
        assert tf.global_variables() == self.variables
        unused = row.head_scopes[1] + "/" if row.auxiliary else "-"
        trained = [v for v in tf.trainable_variables() if not v.op.name.startswith(unused)]
        loss = tf.reduce_mean(tf.square(logits - tf.one_hot([1, 3], case.classes)))
        gradients = tf.gradients(loss, trained)
        assert None not in gradients, "a gradient does not reach its variable"
        self.largest = [tf.reduce_max(tf.abs(g)) for g in gradients]
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        self.updates = [op for op in updates if unused not in op.name]
        with tf.control_dependencies(self.updates):
            optimizer = tf.train.GradientDescentOptimizer(1e-3)
            self.step = optimizer.apply_gradients(zip(gradients, trained))
        self.moving = [
            v for v in self.variables if "moving_" in v.op.name and unused not in v.op.name
        ]


# Deeper networks of the same function.
DEEPER = ("resnet101", "resnet152", "resnet101_v1", "resnet152_v1")
LARGE = ("densenet161", "inc2", "inc3", "inc4", "resnet50_v1")


def marks_of(name):
    return [pytest.mark.slow] * (name in DEEPER) + [pytest.mark.ci] * (name in LARGE)


@pytest.mark.parametrize("name", [pytest.param(n, marks=marks_of(n)) for n in CASES])
def test_a_network_is_the_published_one_trains_and_comes_back(name, tmp_path):
    case, row = CASES[name], NETWORKS[name]
    with tf.Graph().as_default() as graph, quick_session() as session:
        towers = Towers(name)
        assert {v.op.name.split("/")[0] for v in towers.variables} == {row.scope}
        assert len(towers.variables) == case.count
        if not needs_its_own_frame(name):
            assert digest_of(towers.variables) == case.digest
            check_feature_map(name, case.frame, towers.eval_logits, towers.end_points)
        names = [op.name for op in graph.get_operations()]
        steps = session.run([n + ":0" for n in names if n.endswith("AssignMovingAvg/sub")])
        assert {round(float(1 - s), 5) for s in steps} == ({BN_DECAY} if row.bn_decay else set())
        unused = 4 if row.auxiliary else 0  # the mean and variance of two layers
        assert len(towers.updates) == len(towers.moving) == 2 * len(steps) - unused

        set_values(session, towers.variables)
        outputs = [towers.eval_logits]
        outputs += [towers.end_points[row.auxiliary]] if row.auxiliary else []
        values = [output[0, :3] for output in session.run(outputs)]
        np.testing.assert_allclose(np.concatenate(values), case.logits, rtol=1e-4, atol=1e-5)

        before = session.run(towers.moving)
        largest, _ = session.run([towers.largest, towers.step])
        assert np.isfinite(largest).all() and np.mean(np.array(largest) > 0) > 0.95
        after, trained = session.run([towers.moving, towers.eval_logits])
        assert all(np.abs(a - b).max() > 0 for a, b in zip(after, before))
        assert np.isfinite(trained).all() and not np.array_equal(trained[0, :3], values[0])

        saver = tf.train.Saver()
        prefix = saver.save(session, str(tmp_path / "model.ckpt"), write_meta_graph=False)
        set_values(session, towers.variables, lambda _, shape: np.zeros(shape))
        assert not session.run(towers.eval_logits).any()
        saver.restore(session, prefix)
        np.testing.assert_array_equal(session.run(towers.eval_logits), trained)


def check_feature_map(name, frame, logits, end_points):
    row, (side, channels) = NETWORKS[name], FEATURE_MAPS[name]
    rounded = math.floor if name == "densenet161" else math.ceil  # its means leave out a last row
    side = rounded(side * frame / row.frame_size)
    assert logits.shape.as_list() == [2, CASES[name].classes]
    assert end_points[row.feature_map].shape.as_list() == [2, side, side, channels]
    channels = 4096 if name == "vgg16" else channels
    assert end_points[row.pooled].shape.as_list() == [2, 1, 1, channels]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=marks_of(n)) for n in CASES if needs_its_own_frame(n)]
)
def test_shapes_that_follow_from_the_frame_size(name):
    frame = NETWORKS[name].frame_size
    with tf.Graph().as_default():
        outputs = network_fn(name)(tf.zeros([2, frame, frame, 3]), CASES[name].classes, False)
        assert digest_of(tf.global_variables()) == CASES[name].digest
        check_feature_map(name, frame, *outputs)


@pytest.mark.parametrize("multiplier", THINNER)
def test_thinner_mobilenets_are_the_published_ones(multiplier):
    with tf.Graph().as_default(), quick_session() as session:
        network = network_fn("mobile", depth_multiplier=multiplier)
        logits, end_points = network(images_of(72), 1001, False)
        set_values(session, tf.global_variables())
        value = session.run(logits)[0, :3]
    np.testing.assert_allclose(value, THINNER[multiplier], rtol=1e-4, atol=1e-5)
    assert end_points["Conv2d_13_pointwise"].shape.as_list()[3] == int(1024 * multiplier)
    assert end_points["Conv2d_0"].shape.as_list()[3] == max(8, int(32 * multiplier))


def test_vgg_takes_other_frames_than_its_own():
    with tf.Graph().as_default():
        for frame, kernel in ((32, 1), (256, 7)):
            with tf.variable_scope(str(frame)):
                logits, end_points = network_fn("vgg16")(tf.zeros([1, frame, frame, 3]), 3, False)
            assert logits.shape.as_list() == [1, 3]
            name = f"{frame}/vgg_16/fc6/weights"
            weights = next(v for v in tf.global_variables() if v.op.name == name)
            assert weights.shape.as_list() == [kernel, kernel, 512, 4096]
            assert end_points["global_pool"].shape.as_list() == [1, 1, 1, 4096]


@pytest.mark.parametrize("name", CASES)
def test_statistics_are_as_slow_as_the_table_says(name):
    parameters = inspect.signature(BACKBONES[name]).parameters
    given = parameters["bn_decay"].default if "bn_decay" in parameters else None
    assert given == NETWORKS[name].bn_decay


def test_an_unknown_network_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="mobile"):
        network_fn("alexnet")
    assert set(BACKBONES) == set(NETWORKS) == set(CASES)

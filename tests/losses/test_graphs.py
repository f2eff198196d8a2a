"""What the graphs of all losses have in common."""

import numpy as np
import pytest

from config.losses import TWO_HEAD_MODES
from config.resolve import resolve
from losses.objective import objective
from training.build import ranking_arguments
from utils.tf1 import tf

BATCH, DIMENSIONS, CLASSES = 46, 7, 5


@pytest.mark.parametrize("mode", TWO_HEAD_MODES)
def test_no_tensor_grows_with_the_cube_of_the_batch(mode):
    rng = np.random.RandomState(0)
    arguments = ranking_arguments(resolve({"train_mode": mode}), CLASSES)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        labels = tf.constant(rng.randint(0, CLASSES, BATCH))
        embeddings = tf.nn.l2_normalize(tf.constant(rng.randn(BATCH, DIMENSIONS), tf.float32), 1)
        built = objective(mode, labels, tf.zeros([BATCH, CLASSES]), embeddings, 1.0, arguments)
        tf.gradients(built.total, [embeddings, *tf.trainable_variables()])
        tensors = [t for op in graph.get_operations() for t in op.outputs]
        sizes = [t.shape.num_elements() for t in tensors if t.shape.is_fully_defined()]
        unknown = [t for t in tensors if not t.shape.is_fully_defined() and _can_run(t)]
        session.run(tf.global_variables_initializer())
        sizes += session.run([tf.size(t) for t in unknown])
    assert BATCH**2 <= max(sizes) < BATCH**3 / 5


def _can_run(tensor):
    """Whether the tensor has a size and is outside of loops, whose tensors can't be fetched."""
    return tensor.dtype.is_numpy_compatible and not _is_in_loop(tensor.op)


def _is_in_loop(op):
    return op._get_control_flow_context() is not None

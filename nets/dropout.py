"""Dropout that a resumed run repeats exactly: it depends only on (seed, step, layer, row)."""

import contextlib
import threading

from utils.tf1 import tf


class _Rows(threading.local):  # as each replica of a tf.distribute strategy has its thread
    first, count = 0, None


_ROWS = _Rows()


@contextlib.contextmanager
def rows_of_step(first, count):
    """A context for the tower of a part of a step, whose dropout is then that of the step's rows.

    So it does not depend on how a step is divided into batches and replicas.

    Args:
      first: int or int32 [] tensor, the row of the step at which the part starts.
      count: int, the rows of the step; None if the part is all of it.
    """
    _ROWS.first, _ROWS.count = first, count
    try:
        yield
    finally:
        _ROWS.first, _ROWS.count = 0, None


def dropout(net, keep_prob, is_training, layer=0):
    """Keeps each value with a probability, scaled to preserve the mean; the rest becomes 0.

    Args:
      net: float32 [B, ...].
      keep_prob: float in (0, 1].
      is_training: bool; False returns `net` itself.
      layer: int, index of this dropout layer in the network.

    Returns:
      float32, of the shape of `net`. The draws depend on the graph's seed, on its global step
      (0 in a graph without one), on `layer` and on the row, see tf.random.stateless_uniform.
    """
    if not is_training:
        return net
    step = tf.train.get_global_step()
    step = tf.constant(0, tf.int64) if step is None else tf.cast(step, tf.int64)
    seed = tf.stack([(tf.get_default_graph().seed or 0) + (layer << 32), step])
    shape, first, count = tf.shape(net), _ROWS.first, _ROWS.count
    if count is None:
        draws = tf.random.stateless_uniform(shape, seed)
    else:
        draws = tf.random.stateless_uniform(tf.concat([[count], shape[1:]], axis=0), seed)
        draws = draws[first : first + shape[0]]
    kept = draws < keep_prob
    return tf.where(kept, net / keep_prob, tf.zeros_like(net))

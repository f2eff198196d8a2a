"""Dropout that a resumed run repeats exactly: it depends only on (seed, step, layer)."""

from utils.tf1 import tf


def dropout(net, keep_prob, is_training, layer=0):
    """Keeps each value with a probability, scaled to preserve the mean; the rest becomes 0.

    Args:
      net: float32 [B, ...].
      keep_prob: float in (0, 1].
      is_training: bool; False returns `net` itself.
      layer: int, index of this dropout layer in the network.

    Returns:
      float32, of the shape of `net`. The draws depend on the graph's seed, on its global step
      (0 in a graph without one) and on `layer`, see tf.random.stateless_uniform.
    """
    if not is_training:
        return net
    step = tf.train.get_global_step()
    step = tf.constant(0, tf.int64) if step is None else tf.cast(step, tf.int64)
    seed = tf.stack([(tf.get_default_graph().seed or 0) + (layer << 32), step])
    kept = tf.random.stateless_uniform(tf.shape(net), seed) < keep_prob
    return tf.where(kept, net / keep_prob, tf.zeros_like(net))

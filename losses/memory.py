"""Cross-batch memory: embeddings of earlier steps as further positives and negatives."""

import inspect

from utils.tf1 import tf


def takes_memory(ranking_loss):
    """Whether a loss compares each of its anchors with other images, which a memory can add to."""
    return "anchors" in inspect.signature(ranking_loss).parameters


def remembered(labels, embeddings, size, is_used):
    """Puts embeddings of earlier steps behind those of this one (Wang et al., arXiv:1912.06798).

    The memory is the variables "memory/embeddings" [N, D] and "memory/labels" [N], newest first,
    and "memory/count" [], how many of them are filled. They are not trained by gradient.

    Args:
      labels: int32 [B].
      embeddings: float32 [B, D].
      size: int, N.
      is_used: bool [], whether the memory is read yet; it is always written.

    Returns:
      int32 [B + M] and float32 [B + M, D], this step's rows and M <= N remembered ones, which have
      no gradient; and the op that remembers this step's rows in place of the oldest.
    """
    with tf.variable_scope("memory"):
        rows = _variable("embeddings", [size, embeddings.shape[1]], tf.float32)
        owners = _variable("labels", [size], tf.int32)
        count = _variable("count", [], tf.int32)
    filled = tf.where(is_used, count, tf.zeros_like(count))
    all_labels = tf.concat([labels, owners[:filled]], axis=0)
    all_embeddings = tf.concat([embeddings, tf.stop_gradient(rows[:filled])], axis=0)
    new_rows = tf.concat([tf.stop_gradient(embeddings), rows], axis=0)[:size]
    new_owners = tf.concat([labels, owners], axis=0)[:size]
    new_count = tf.minimum(count + tf.shape(labels)[0], size)
    # Read before written.
    with tf.control_dependencies([all_labels, all_embeddings]):
        update = tf.group(rows.assign(new_rows), owners.assign(new_owners), count.assign(new_count))
    return all_labels, all_embeddings, update


def _variable(name, shape, dtype):
    return tf.get_variable(
        name,
        shape,
        dtype,
        initializer=tf.zeros_initializer(),
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )

"""Center loss: each class has a center that follows its embeddings."""

from utils.tf1 import tf


def center_loss(labels, embeddings, num_classes, alpha):
    """Center loss (Wen et al., ECCV 2016) and the update of its centers.

        loss = 0.5 * sum_i ||f_i - c_{y_i}||^2
        c_y <- c_y - alpha * sum_{i: y_i = y} (c_y - f_i) / (1 + n_y)

    with n_y the number of images of class y in the batch.

    Args:
      labels: int [B], each below C.
      embeddings: float32 [B, D].
      num_classes: int, C.
      alpha: float in [0, 1], how far a center moves.

    Returns:
      float32 [], the sum over the batch (not its mean), and the op that moves the centers. These
      are a variable "centers" [C, D], initialised from N(0, 1) and not trained by gradient.
    """
    centers = tf.get_variable(
        "centers",
        [num_classes, embeddings.shape[1]],
        initializer=tf.random_normal_initializer(),
        trainable=False,
        aggregation=tf.VariableAggregation.MEAN,
    )
    differences = tf.gather(centers, labels) - embeddings
    _, position, counts = tf.unique_with_counts(labels)
    appearances = tf.cast(tf.gather(counts, position), tf.float32)[:, tf.newaxis]
    steps = alpha * tf.stop_gradient(differences) / (1.0 + appearances)
    moves = tf.scatter_nd(labels[:, tf.newaxis], steps, tf.shape(centers, out_type=labels.dtype))
    return tf.nn.l2_loss(differences), centers.assign_sub(moves)

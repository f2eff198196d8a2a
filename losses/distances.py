"""Distances and cosines within a batch, and masks of positive and negative pairs.

The rows of all matrices here are anchors: all B images, or, with `anchors`, the first A of them.
"""

from utils.tf1 import tf


def squared_distances(embeddings, anchors=None):
    """d_ij = ||f_i - f_j||^2 from |f_i|^2 + |f_j|^2 - 2 f_i f_j, clipped at 0.

    Args:
      embeddings: float32 [B, D].
      anchors: int or int32 [], A; None for B.

    Returns:
      float32 [A, B], exactly 0 on the diagonal; the gradient at distance 0 is finite.
    """
    norms = tf.reduce_sum(tf.square(embeddings), axis=1)
    products = similarities(embeddings, anchors)
    distances = norms[:anchors, tf.newaxis] + norms[tf.newaxis] - 2.0 * products
    return tf.matrix_set_diag(tf.maximum(distances, 0.0), tf.zeros_like(norms[:anchors]))


def pair_masks(labels, anchors=None):
    """Which pairs of a batch are positive and which negative.

    Args:
      labels: int [B].
      anchors: int or int32 [], A; None for B.

    Returns:
      bool [A, B], same label and not the same row; bool [A, B], different label.
    """
    same = tf.equal(labels[:anchors, tf.newaxis], labels[tf.newaxis])
    itself = tf.eye(tf.shape(same)[0], tf.shape(same)[1], dtype=tf.bool)
    return tf.logical_and(same, tf.logical_not(itself)), tf.logical_not(same)


def masked_mean(values, mask):
    """Mean of the values where the mask is true; 0 if it is true nowhere.

    Args:
      values: float32 [...].
      mask: bool [...], of the same shape.

    Returns:
      float32 [].
    """
    weights = tf.cast(mask, values.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))


def euclidean_distances(embeddings, anchors=None):
    """d_ij = ||f_i - f_j||, not squared.

    Args:
      embeddings: float32 [B, D].
      anchors: int or int32 [], A; None for B.

    Returns:
      float32 [A, B], at least 3e-4, below which rounding hides the squares; constant there, so that
      the gradient is finite.
    """
    return tf.sqrt(tf.maximum(squared_distances(embeddings, anchors), 1e-7))


def similarities(embeddings, anchors=None):
    """s_ij = f_i f_j, the cosines of unit rows.

    Args:
      embeddings: float32 [B, D].
      anchors: int or int32 [], A; None for B.

    Returns:
      float32 [A, B].
    """
    return tf.matmul(embeddings[:anchors], embeddings, transpose_b=True)


def row_mean(values, mask):
    """Mean of each row's values where the mask is true; 0 if it is true nowhere.

    Args:
      values: float32 [B, N].
      mask: bool [B, N].

    Returns:
      float32 [B].
    """
    weights = tf.cast(mask, values.dtype)
    totals = tf.reduce_sum(values * weights, axis=1)
    return tf.math.divide_no_nan(totals, tf.reduce_sum(weights, axis=1))


def masked_logsumexp(values, mask, axis=1):
    """Log of the sum of exp(value) where the mask is true.

    Args:
      values: float32 [B, N].
      mask: bool [B, N].
      axis: int, 1 for each row, 0 for each column.

    Returns:
      float32 [B] or [N]; below -1e8, so that its softplus is 0, if the mask is true nowhere.
    """
    return tf.reduce_logsumexp(tf.where(mask, values, tf.zeros_like(values) - 1e9), axis=axis)


def masked_max(values, mask):
    """Maximum of each row's values where the mask is true, without gradient; -1e9 for none."""
    return tf.stop_gradient(
        tf.reduce_max(tf.where(mask, values, tf.zeros_like(values) - 1e9), axis=1)
    )


def masked_min(values, mask):
    """Minimum of each row's values where the mask is true, without gradient; 1e9 for none."""
    return -masked_max(-values, mask)

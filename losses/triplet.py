"""Triplet losses on squared distances: batch-hard, adaptive-weight and semi-hard.

All take a margin in squared distance, or "soft" for softplus, or "none" for the bare difference.
Each documents its finite result for an anchor without a positive or a negative.
"""

import numbers

from losses.distances import pair_masks, squared_distances
from utils.tf1 import tf


def hinge(differences, margin):
    """Applies a margin to differences of distances.

    Args:
      differences: float32 [...], distance to the positive minus distance to the negative.
      margin: float >= 0, "soft", or "none".

    Returns:
      float32 [...]: max(0, margin + difference), log(1 + exp(difference)), or the difference.

    Raises:
      ValueError: `margin` is neither a number nor one of the two words.
    """
    if isinstance(margin, numbers.Real):
        return tf.maximum(differences + margin, 0.0)
    if margin == "soft":
        return tf.nn.softplus(differences)
    if margin == "none":
        return differences
    raise ValueError(f'the margin must be a number, "soft" or "none", not {margin!r}')


def batch_hard(labels, embeddings, margin, anchors=None):
    """Batch-hard triplet loss, one value per anchor (Hermans et al., arXiv:1703.07737).

        loss_i = max(0, margin + max_{p: y_p = y_i} d_ip - min_{n: y_n != y_i} d_in)

    with d the squared Euclidean distance and p other than i.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      margin: float >= 0 in squared distance, "soft" for softplus, or "none".
      anchors: int or int32 [], A, how many of the rows count as anchors; None for all.

    Returns:
      float32 [A]. An anchor without a positive uses distance 0 for it; one without a negative has
      loss 0.

    Raises:
      ValueError: `margin` is neither a number nor one of the two words.
    """
    distances = squared_distances(embeddings, anchors)
    positive, negative = pair_masks(labels, anchors)
    losses = hinge(hardest_difference(distances, positive, negative), margin)
    return _where(tf.reduce_any(negative, axis=1), losses, 0.0)


def hardest_difference(distances, positive, negative):
    """Distance to the farthest positive minus distance to the nearest negative, by anchor.

    Args:
      distances: float32 [A, B].
      positive: bool [A, B], see `losses.distances.pair_masks`.
      negative: bool [A, B].

    Returns:
      float32 [A], with 0 for a missing positive and the largest float for a missing negative.
    """
    farthest_positive = tf.reduce_max(_where(positive, distances, 0.0), axis=1)
    nearest_negative = tf.reduce_min(_where(negative, distances, distances.dtype.max), axis=1)
    return farthest_positive - nearest_negative


def _where(mask, values, other):
    """Takes `values` where the mask is true and the scalar `other` elsewhere."""
    return tf.where(mask, values, tf.zeros_like(values) + other)


def adaptive(labels, embeddings, margin, anchors=None):
    """Adaptive-weight triplet loss, one value per anchor (Ristani & Tomasi, CVPR 2018).

        loss_a = max(0, margin + sum_p w_p d_ap - sum_n w_n d_an)

    with w_p the softmax of d_ap over the anchor's positives and w_n the softmax of -d_an over its
    negatives, d the squared Euclidean distance. The gradient goes through the weights too.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      margin: float >= 0 in squared distance, "soft" for softplus, or "none".
      anchors: int or int32 [], A, how many of the rows count as anchors; None for all.

    Returns:
      float32 [A]. An anchor without a positive uses distance 0 for it; one without a negative has
      loss 0.

    Raises:
      ValueError: `margin` is neither a number nor one of the two words.
    """
    distances = squared_distances(embeddings, anchors)
    positive, negative = pair_masks(labels, anchors)
    to_positives = _soft_mean(distances, distances, positive)
    to_negatives = _soft_mean(distances, -distances, negative)
    losses = hinge(to_positives - to_negatives, margin)
    return _where(tf.reduce_any(negative, axis=1), losses, 0.0)


def _soft_mean(values, scores, mask):
    """Row means of the masked values, weighted by the softmax of their scores; 0 for empty rows."""
    peaks = tf.reduce_max(_where(mask, scores, -1e9), axis=1, keepdims=True)
    weights = tf.exp(_where(mask, scores - peaks, -1e9))
    totals = tf.reduce_sum(weights, axis=1)
    return tf.math.divide_no_nan(tf.reduce_sum(weights * values, axis=1), totals)


def semi_hard(labels, embeddings, margin, anchors=None):
    """Semi-hard triplet loss over all positive pairs (FaceNet, arXiv:1503.03832).

        loss = sum_{(a, p)} max(0, margin + d_ap - d_an) / number of ordered positive pairs

    where n is the nearest negative of the anchor a that is farther than p (d_an > d_ap) or, where
    there is none, the farthest negative; d is the squared Euclidean distance.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      margin: float >= 0 in squared distance, "soft" for softplus, or "none".
      anchors: int or int32 [], A, how many of the rows count as anchors; None for all.

    Returns:
      float32 []. A pair whose anchor has no negative adds 0; without any positive pair the loss
      is 0. Memory grows with B^2.

    Raises:
      ValueError: `margin` is neither a number nor one of the two words.
    """
    distances = squared_distances(embeddings, anchors)
    positive, negative = pair_masks(labels, anchors)
    chosen = _semi_hard_negative(distances, negative)
    with_negative = tf.reduce_any(negative, axis=1)
    counted = tf.logical_and(positive, with_negative[:, tf.newaxis])
    losses = _where(counted, hinge(distances - chosen, margin), 0.0)
    pairs = tf.reduce_sum(tf.cast(positive, losses.dtype))
    return tf.math.divide_no_nan(tf.reduce_sum(losses), pairs)


def _semi_hard_negative(distances, negative):
    """Distance [A, B] to the nearest negative farther than each column, else to the farthest.

    Negatives at the same distance share the gradient, as in `tf.reduce_min`. So each row's sorted
    negatives form groups of equal distance, and a group's value is its mean.
    """
    anchors, batch = tf.unstack(tf.shape(distances))
    in_order = tf.sort(tf.stop_gradient(_where(negative, distances, distances.dtype.max)), axis=1)
    last = tf.reduce_sum(tf.cast(negative, tf.int32), axis=1, keepdims=True) - 1
    farther = tf.searchsorted(in_order, distances, side="right")
    # The first of its group, as `farther` is; rows with NaN, which have no order, stay inside.
    group = tf.minimum(tf.searchsorted(in_order, distances, side="left"), batch - 1)
    farthest = tf.reduce_max(_where(negative, group, 0), axis=1, keepdims=True)
    row = batch * tf.range(anchors)[:, tf.newaxis]
    values = tf.math.unsorted_segment_mean(
        distances, _where(negative, row + group, -1), anchors * batch
    )
    chosen = tf.where(farther <= last, farther, tf.zeros_like(farther) + farthest)
    return tf.gather_nd(values, (row + chosen)[:, :, tf.newaxis])

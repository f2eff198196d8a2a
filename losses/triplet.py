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


def batch_hard(labels, embeddings, margin):
    """Batch-hard triplet loss, one value per anchor (Hermans et al., arXiv:1703.07737).

        loss_i = max(0, margin + max_{p: y_p = y_i} d_ip - min_{n: y_n != y_i} d_in)

    with d the squared Euclidean distance and p other than i.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      margin: float >= 0 in squared distance, "soft" for softplus, or "none".

    Returns:
      float32 [B]. An anchor without a positive uses distance 0 for it; one without a negative has
      loss 0.

    Raises:
      ValueError: `margin` is neither a number nor one of the two words.
    """
    distances = squared_distances(embeddings)
    positive, negative = pair_masks(labels)
    farthest_positive = tf.reduce_max(_where(positive, distances, 0.0), axis=1)
    nearest_negative = tf.reduce_min(_where(negative, distances, _beyond(distances)), axis=1)
    losses = hinge(farthest_positive - nearest_negative, margin)
    return _where(tf.reduce_any(negative, axis=1), losses, 0.0)


def _where(mask, values, other):
    """Takes `values` where the mask is true and the scalar `other` elsewhere."""
    return tf.where(mask, values, tf.zeros_like(values) + other)


def _beyond(distances):
    """A constant above every distance, so that it never ties with a real minimum."""
    return tf.stop_gradient(tf.reduce_max(distances)) + 1.0


def adaptive(labels, embeddings, margin):
    """Adaptive-weight triplet loss, one value per anchor (Ristani & Tomasi, CVPR 2018).

        loss_a = max(0, margin + sum_p w_p d_ap - sum_n w_n d_an)

    with w_p the softmax of d_ap over the anchor's positives and w_n the softmax of -d_an over its
    negatives, d the squared Euclidean distance. The gradient goes through the weights too.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      margin: float >= 0 in squared distance, "soft" for softplus, or "none".

    Returns:
      float32 [B]. An anchor without a positive uses distance 0 for it; one without a negative has
      loss 0.

    Raises:
      ValueError: `margin` is neither a number nor one of the two words.
    """
    distances = squared_distances(embeddings)
    positive, negative = pair_masks(labels)
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


def semi_hard(labels, embeddings, margin):
    """Semi-hard triplet loss over all positive pairs (FaceNet, arXiv:1503.03832).

        loss = sum_{(a, p)} max(0, margin + d_ap - d_an) / number of ordered positive pairs

    where n is the nearest negative of the anchor a that is farther than p (d_an > d_ap) or, where
    there is none, the farthest negative; d is the squared Euclidean distance.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      margin: float >= 0 in squared distance, "soft" for softplus, or "none".

    Returns:
      float32 []. A pair whose anchor has no negative adds 0; without any positive pair the loss
      is 0. Memory grows with B^3.

    Raises:
      ValueError: `margin` is neither a number nor one of the two words.
    """
    distances = squared_distances(embeddings)
    positive, negative = pair_masks(labels)
    to_positive = distances[:, :, tf.newaxis]
    to_negative = tf.zeros_like(to_positive) + distances[:, tf.newaxis, :]
    farther = tf.logical_and(negative[:, tf.newaxis, :], to_negative > to_positive)
    nearest_farther = tf.reduce_min(_where(farther, to_negative, _beyond(distances)), axis=2)
    farthest = tf.reduce_max(_where(negative, distances, 0.0), axis=1, keepdims=True)
    chosen = tf.where(
        tf.reduce_any(farther, axis=2), nearest_farther, tf.zeros_like(distances) + farthest
    )
    with_negative = tf.reduce_any(negative, axis=1)
    counted = tf.logical_and(positive, with_negative[:, tf.newaxis])
    losses = _where(counted, hinge(distances - chosen, margin), 0.0)
    pairs = tf.reduce_sum(tf.cast(positive, losses.dtype))
    return tf.math.divide_no_nan(tf.reduce_sum(losses), pairs)

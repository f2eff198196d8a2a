"""Contrastive loss: positive pairs together, negative pairs apart."""

from losses.distances import euclidean_distances, pair_masks, row_mean
from utils.tf1 import tf


def contrastive(labels, embeddings, positive_margin, negative_margin, anchors=None):
    """Contrastive loss with a margin of each kind, by anchor (Hadsell et al., CVPR 2006).

        loss_i = mean_p 0.5 * max(0, d_ip - m_p)^2 + mean_n 0.5 * max(0, m_n - d_in)^2

    with d the Euclidean distance, not squared, and p and n the anchor's positives and negatives.

    Note: the paper has m_p = 0, names no m_n, and sums over given pairs. In a batch most pairs are
    negative, so both kinds are averaged on their own.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      positive_margin: float >= 0, m_p, the distance up to which a positive costs nothing.
      negative_margin: float >= 0, m_n, the distance from which on a negative costs nothing.
      anchors: int or int32 [], A, how many of the rows count as anchors; None for all.

    Returns:
      float32 [A]. A mean over no pairs is 0. Pairs nearer than 3e-4 have no gradient.
    """
    distances = euclidean_distances(embeddings, anchors)
    positive, negative = pair_masks(labels, anchors)
    too_far = 0.5 * tf.square(tf.nn.relu(distances - positive_margin))
    too_near = 0.5 * tf.square(tf.nn.relu(negative_margin - distances))
    return row_mean(too_far, positive) + row_mean(too_near, negative)

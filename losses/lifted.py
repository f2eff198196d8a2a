"""Lifted structure loss: each positive pair against the negatives of both its images."""

from losses.distances import euclidean_distances, masked_logsumexp, masked_mean, pair_masks
from utils.tf1 import tf


def lifted_structure(labels, embeddings, margin):
    """Lifted structure loss (Song et al., CVPR 2016, arXiv:1511.06452).

        J_ij = log(sum_n exp(margin - d_in) + sum_m exp(margin - d_jm)) + d_ij
        loss = mean over the positive pairs (i, j) of 0.5 * max(0, J_ij)^2

    with d the Euclidean distance, not squared, n the negatives of i and m those of j.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      margin: float >= 0, in distance.

    Returns:
      float32 []. A pair without negatives adds 0; without any positive pair the loss is 0. Pairs
      nearer than 3e-4 have no gradient.
    """
    distances = euclidean_distances(embeddings)
    positive, negative = pair_masks(labels)
    own = masked_logsumexp(margin - distances, negative)
    larger = tf.maximum(own[:, tf.newaxis], own)
    smaller = tf.minimum(own[:, tf.newaxis], own)
    of_both = larger + tf.math.log1p(tf.exp(smaller - larger))
    return masked_mean(0.5 * tf.square(tf.nn.relu(of_both + distances)), positive)

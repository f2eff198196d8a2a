"""Multi-similarity loss: pairs weighted by how they compare with the anchor's others."""

from losses.distances import masked_logsumexp, masked_max, masked_min, pair_masks, similarities
from utils.tf1 import tf


def multi_similarity(labels, embeddings, alpha, beta, base, epsilon, anchors=None):
    """Multi-similarity loss with its mining, by anchor (Wang et al., CVPR 2019, arXiv:1904.06627).

        loss_i = 1 / alpha * log(1 + sum_p exp(-alpha * (s_ip - base)))
               + 1 / beta * log(1 + sum_n exp(beta * (s_in - base)))

    with s the cosine, and p and n only those positives and negatives of the anchor that its others
    contradict: s_ip < max_n s_in + epsilon and s_in > min_p s_ip - epsilon.

    Note: for `base` the paper states 1 and its authors' code uses 0.5.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      alpha: float > 0, sharpness of the positives.
      beta: float > 0, sharpness of the negatives.
      base: float, the cosine that divides similar from dissimilar.
      epsilon: float >= 0, in cosine.
      anchors: int or int32 [], A, how many of the rows count as anchors; None for all.

    Returns:
      float32 [A]; 0 for an anchor without a positive or without a negative, or none contradicted.
    """
    cosines = similarities(embeddings, anchors)
    positive, negative = pair_masks(labels, anchors)
    below = cosines < masked_max(cosines, negative)[:, tf.newaxis] + epsilon
    above = cosines > masked_min(cosines, positive)[:, tf.newaxis] - epsilon
    pull = masked_logsumexp(-alpha * (cosines - base), tf.logical_and(positive, below))
    push = masked_logsumexp(beta * (cosines - base), tf.logical_and(negative, above))
    return tf.nn.softplus(pull) / alpha + tf.nn.softplus(push) / beta

"""Circle loss: each cosine weighted by its distance from its optimum."""

from losses.distances import masked_logsumexp, pair_masks, similarities
from utils.tf1 import tf


def circle(labels, embeddings, margin, gamma, anchors=None):
    """Circle loss, by anchor (Sun et al., CVPR 2020, arXiv:2002.10857).

        loss_i = log(1 + sum_n exp(g * a_n * (s_in - m)) * sum_p exp(-g * a_p * (s_ip - 1 + m)))
        a_n = max(0, s_in + m),   a_p = max(0, 1 + m - s_ip)

    with s the cosine, m the margin, g gamma, and p and n the anchor's positives and negatives. The
    weights a have no gradient.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      margin: float in [0, 1], in cosine.
      gamma: float > 0, the scale.
      anchors: int or int32 [], A, how many of the rows count as anchors; None for all.

    Returns:
      float32 [A]; 0 for an anchor without a positive or without a negative.
    """
    cosines = similarities(embeddings, anchors)
    positive, negative = pair_masks(labels, anchors)
    fixed = tf.stop_gradient(cosines)
    push = gamma * tf.nn.relu(fixed + margin) * (cosines - margin)
    pull = -gamma * tf.nn.relu(1.0 + margin - fixed) * (cosines - 1.0 + margin)
    return tf.nn.softplus(masked_logsumexp(push, negative) + masked_logsumexp(pull, positive))

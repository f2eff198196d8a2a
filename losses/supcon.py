"""Supervised contrastive loss: a softmax over all other images of the batch."""

from losses.distances import masked_logsumexp, pair_masks, row_mean, similarities
from utils.tf1 import tf


def supcon(labels, embeddings, temperature, anchors=None):
    """Supervised contrastive loss, "out" form, by anchor (Khosla et al., arXiv:2004.11362).

        loss_i = -mean_p log(exp(s_ip / t) / sum_{a != i} exp(s_ia / t))

    with s the cosine, t the temperature, p the anchor's positives and a all other images.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      temperature: float > 0, t.
      anchors: int or int32 [], A, how many of the rows count as anchors; None for all.

    Returns:
      float32 [A]; 0 for an anchor without a positive.
    """
    scores = similarities(embeddings, anchors) / temperature
    positive, negative = pair_masks(labels, anchors)
    of_all = masked_logsumexp(scores, tf.logical_or(positive, negative))[:, tf.newaxis]
    return row_mean(of_all - scores, positive)

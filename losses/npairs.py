"""N-pair loss: each positive against all negatives at once."""

from losses.distances import masked_logsumexp, pair_masks, row_mean, similarities
from utils.tf1 import tf


def npairs(labels, embeddings, scale, anchors=None):
    """Multi-class N-pair loss of P x K batches, by anchor (Sohn, NIPS 2016).

        loss_i = mean_p log(1 + sum_n exp(scale * s_in - scale * s_ip))

    with s the cosine, and p and n the anchor's positives and negatives.

    Note: the paper takes two images of a class, one the anchor, and one image of each other class
    as negatives; here every positive and every negative counts. Its embeddings have no fixed norm;
    with unit rows, `scale` is the squared norm that they would have.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      scale: float > 0.
      anchors: int or int32 [], A, how many of the rows count as anchors; None for all.

    Returns:
      float32 [A]; 0 for an anchor without a positive or without a negative.
    """
    scores = scale * similarities(embeddings, anchors)
    positive, negative = pair_masks(labels, anchors)
    of_negatives = masked_logsumexp(scores, negative)[:, tf.newaxis]
    return row_mean(tf.nn.softplus(of_negatives - scores), positive)

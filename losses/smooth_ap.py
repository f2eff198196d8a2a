"""Smooth-AP: average precision with sigmoids in place of steps."""

from losses.distances import similarities
from utils.tf1 import tf


def smooth_ap(labels, embeddings, temperature, anchors=None):
    """Smooth-AP loss, by query (Brown et al., ECCV 2020, arXiv:2007.12163).

        loss_i = 1 - mean_{p in S_i} (1 + sum_{j in S_i} G_jp) / (1 + sum_j G_jp)
        G_jp = 1 / (1 + exp(-(s_ij - s_ip) / temperature))

    with s the cosine, S_i all images of the query's class, the query itself included as in the
    authors' code, and j other than p.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      temperature: float > 0, in cosine.
      anchors: int or int32 [], A, how many of the rows count as anchors; None for all.

    Returns:
      float32 [A]; near 0 for a query without a positive, as it finds itself first. Memory grows
      with A * B: A pairs (i, p) are ranked at a time, and their gradients kept.
    """
    cosines = similarities(embeddings, anchors)
    same = tf.equal(labels[:anchors, tf.newaxis], labels[tf.newaxis])
    fixed, counts = tf.stop_gradient(cosines), tf.reduce_sum(tf.cast(same, tf.float32), axis=1)
    pairs = tf.where(same)
    block, num_pairs = tf.shape(same)[0], tf.shape(pairs)[0]

    def rank_block(first, precisions, gradients):
        queries, positives = tf.unstack(pairs[first : first + block], axis=1)
        rows, weights = tf.gather(fixed, queries), 1.0 / tf.gather(counts, queries)
        of_block = _precisions(rows, tf.gather(same, queries), positives, temperature)
        slopes = tf.gradients(of_block, rows, weights)[0]
        return (
            first + block,
            precisions + tf.math.unsorted_segment_sum(weights * of_block, queries, block),
            gradients + tf.math.unsorted_segment_sum(slopes, queries, block),
        )

    _, precisions, gradients = tf.while_loop(
        lambda first, *_: first < num_pairs,
        rank_block,
        [tf.constant(0), tf.zeros_like(counts), tf.zeros_like(fixed)],
        back_prop=False,
        parallel_iterations=1,
    )
    # The loop gives value and gradient; this term is 0 and carries the gradient.
    carried = tf.reduce_sum(tf.stop_gradient(gradients) * (cosines - fixed), axis=1)
    return 1.0 - tf.stop_gradient(precisions) - carried


def _precisions(rows, same, columns, temperature):
    """Smooth precision [N] at the rank of one column of each row [N, B] of cosines."""
    itself = tf.one_hot(columns, tf.shape(rows)[1])
    own = tf.reduce_sum(itself * rows, axis=1, keepdims=True)
    before = (1.0 - itself) * tf.sigmoid((rows - own) / temperature)
    relevant = tf.reduce_sum(before * tf.cast(same, tf.float32), axis=1)
    return (1.0 + relevant) / (1.0 + tf.reduce_sum(before, axis=1))

"""Proxy-Anchor loss: a learned proxy of each class against all images of the batch."""

from losses.distances import masked_logsumexp
from utils.tf1 import tf


def proxy_anchor(labels, embeddings, num_classes, alpha, delta):
    """Proxy-Anchor loss (Kim et al., CVPR 2020, arXiv:2003.13911).

        loss = 1 / |Q+| * sum_{q in Q+} log(1 + sum_{i: y_i = q} exp(-alpha * (s_iq - delta)))
             + 1 / C * sum_q log(1 + sum_{i: y_i != q} exp(alpha * (s_iq + delta)))

    with s_iq the cosine of image i and the proxy of class q, and Q+ the classes of the batch.

    Args:
      labels: int [B], each below C.
      embeddings: float32 [B, D], rows of unit norm.
      num_classes: int, C.
      alpha: float > 0, the scale.
      delta: float >= 0, the margin in cosine.

    Returns:
      float32 []; finite for every batch. The proxies are a variable "proxies" [C, D], drawn from
      N(0, 2 / C) as in the authors' code; only their direction matters.
    """
    proxies = tf.get_variable(
        "proxies",
        [num_classes, embeddings.shape[1]],
        initializer=tf.random_normal_initializer(stddev=(2.0 / num_classes) ** 0.5),
    )
    cosines = tf.matmul(embeddings, tf.nn.l2_normalize(proxies, axis=1), transpose_b=True)
    own = tf.one_hot(labels, num_classes, on_value=True, off_value=False, dtype=tf.bool)
    pull = tf.nn.softplus(masked_logsumexp(-alpha * (cosines - delta), own, axis=0))
    push = tf.nn.softplus(masked_logsumexp(alpha * (cosines + delta), tf.logical_not(own), axis=0))
    present = tf.reduce_sum(tf.cast(tf.reduce_any(own, axis=0), tf.float32))
    return tf.reduce_sum(pull) / present + tf.reduce_mean(push)

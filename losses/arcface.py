"""ArcFace: a softmax over angles to class directions, with a margin."""

import math

from utils.tf1 import tf

_LEAST_SINE = 1e-3


def arcface(labels, embeddings, num_classes, margin, scale):
    """Additive angular margin loss, by image (Deng et al., CVPR 2019, arXiv:1801.07698).

        loss_i = -log(e^{s cos(t_iy + m)} / (e^{s cos(t_iy + m)} + sum_{c != y} e^{s cos t_ic}))

    with t_ic the angle between image i and the direction of class c, y = y_i, m the margin and s
    the scale. Where t_iy + m exceeds pi, cos(t_iy) - m sin(m) takes the place of the cosine, so
    that the loss goes on growing with the angle, as in the authors' code.

    Args:
      labels: int [B], each below C.
      embeddings: float32 [B, D], rows of unit norm.
      num_classes: int, C.
      margin: float in [0, pi / 2], in radians.
      scale: float > 0.

    Returns:
      float32 [B], finite for every batch. The directions are a variable "arcface_weights" [C, D];
      an image less than 1e-3 radians from its own has no gradient through the sine of that angle.
    """
    directions = tf.get_variable(
        "arcface_weights",
        [num_classes, embeddings.shape[1]],
        initializer=tf.glorot_uniform_initializer(),
    )
    cosines = tf.matmul(embeddings, tf.nn.l2_normalize(directions, axis=1), transpose_b=True)
    own = tf.one_hot(labels, num_classes)
    cosine = tf.reduce_sum(own * cosines, axis=1)
    sine = tf.sqrt(tf.maximum(1.0 - tf.square(cosine), _LEAST_SINE**2))
    with_margin = tf.where(
        cosine >= -math.cos(margin),
        cosine * math.cos(margin) - sine * math.sin(margin),
        cosine - margin * math.sin(margin),
    )
    logits = scale * (cosines + own * (with_margin - cosine)[:, tf.newaxis])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)

"""Ranking losses over all images of a step, of which the caller's network holds one part."""

from typing import NamedTuple

from utils.tf1 import tf


class Step(NamedTuple):
    """All images of a training step, and where one part of them is.

    Attributes:
      labels: int32 [S].
      embeddings: float32 [S, D], values without a gradient.
      first: int or int32 [], position of the part's first image.
      num_parts: int, how many parts the step has.
    """

    labels: tf.Tensor
    embeddings: tf.Tensor
    first: object
    num_parts: int


def over_step(ranking_loss, embeddings, step):
    """A ranking loss of a whole step, with the gradient of one part.

    The gradient with respect to `embeddings` is that of the whole loss, times the number of
    parts, so the mean over the parts is the gradient of the whole step (gradient caching, Gao et
    al., arXiv:2101.06983). The loss may pick its pairs from all images, and need not be a mean.

    Args:
      ranking_loss: function from labels int32 [S] and embeddings float32 [S, D] to float32 [].
      embeddings: float32 [B, D], those of the part.
      step: Step.

    Returns:
      float32 [].
    """
    whole = ranking_loss(step.labels, step.embeddings)
    gradient = tf.convert_to_tensor(tf.gradients(whole, step.embeddings)[0])
    own = tf.stop_gradient(gradient[step.first : step.first + tf.shape(embeddings)[0]])
    product = step.num_parts * tf.reduce_sum(own * embeddings)
    return whole + product - tf.stop_gradient(product)

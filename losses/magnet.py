"""Magnet loss: each image near a cluster of its class, far from those of others."""

from losses.distances import masked_logsumexp
from utils.tf1 import tf

CENTERS = "magnet_centers"
_LEAST_VARIANCE = 1e-6


def magnet(labels, embeddings, num_classes, clusters, alpha):
    """Magnet loss, by image (Rippel et al., ICLR 2016, arXiv:1511.05939).

        loss_i = max(0, -log(e^{-d_i / 2v - alpha} / sum_{c != y_i} sum_k e^{-d_ick / 2v}))
        v = sum_i d_i / (B - 1)

    with d_ick the squared distance of image i and center k of class c, d_i that of the nearest
    center of its own class, and v without gradient, at least 1e-6.

    Note: the paper fills a batch with neighbouring clusters and takes their means in the batch.
    Here batches are P x K, and the centers those of the last k-means over the training list, of
    all classes, see `training.magnet_clusters`.

    Args:
      labels: int [B], each below C.
      embeddings: float32 [B, D], rows of unit norm.
      num_classes: int, C >= 2.
      clusters: int, how many centers a class has.
      alpha: float >= 0, the margin, in units of 2v.

    Returns:
      float32 [B], finite for every batch. The centers are a variable "magnet_centers" [C, clusters,
      D], not trained by gradient; while all are 0, as at the start, the gradient is 0.
    """
    centers = tf.get_variable(
        CENTERS,
        [num_classes, clusters, embeddings.shape[1]],
        initializer=tf.zeros_initializer(),
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
    flat = tf.reshape(centers, [num_classes * clusters, -1])
    owners = tf.range(num_classes * clusters) // clusters
    own = tf.equal(tf.cast(labels, tf.int32)[:, tf.newaxis], owners[tf.newaxis])
    distances = _squared_distances(embeddings, flat)
    beyond = tf.zeros_like(distances) + distances.dtype.max
    nearest = tf.reduce_min(tf.where(own, distances, beyond), axis=1)
    spread = tf.reduce_sum(nearest) / tf.maximum(tf.cast(tf.shape(labels)[0], tf.float32) - 1, 1.0)
    scale = 1.0 / (2.0 * tf.maximum(tf.stop_gradient(spread), _LEAST_VARIANCE))
    others = masked_logsumexp(-scale * distances, tf.logical_not(own))
    return tf.nn.relu(scale * nearest + alpha + others)


def _squared_distances(embeddings, points):
    """Between rows [B, D] and points [N, D], float32 [B, N]."""
    norms = [tf.reduce_sum(tf.square(x), axis=1) for x in (embeddings, points)]
    products = tf.matmul(embeddings, points, transpose_b=True)
    return tf.maximum(norms[0][:, tf.newaxis] + norms[1] - 2.0 * products, 0.0)

"""The centers of the magnet loss: k-means on the embeddings of the training list."""

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from evaluation import network
from losses.magnet import CENTERS
from training import build, graphs
from training.hooks import Hook
from utils import logs
from utils.tf1 import tf

# Coordinates of the centers that a class with too few images lacks: too far away to count.
_NOWHERE = 100.0


def cluster_hooks(config, image_list, num_classes, replicas):
    """The hook of a run with the magnet loss, in a list; none for other runs.

    Args:
      config: Config.
      image_list: data.lists.ImageList, the training split.
      num_classes: int, C.
      replicas: training.replicas.Replicas.
    """
    if config.magnet_refresh_steps is None:
        return []
    return [Clusters(config, image_list, num_classes, replicas)]


class Clusters(Hook):
    """Moves the centers at the start and every `magnet_refresh_steps` steps.

    A checkpoint holds them; at such a step they follow from its weights, so a run that stopped
    there computes them again.
    """

    def __init__(self, config, image_list, num_classes, replicas):
        """Builds an evaluation tower on the training list, which shares the run's variables."""
        bad_images = build.bad_images_of(config, image_list)
        self._image_list = image_list = bad_images.others() if bad_images else image_list
        self._graph = graphs.build_eval_graph(
            config, image_list, num_classes, reuse=True, replicas=replicas
        )
        (self._centers,) = [v for v in tf.global_variables() if v.op.name == CENTERS]
        self._new = tf.placeholder(tf.float32, self._centers.shape)
        self._move = self._centers.assign(self._new)

    def begin(self, loop):
        """Computes the centers if they are due at the step that the run starts from."""
        self._refresh(loop)

    def after_step(self, loop, terms):
        """Computes the centers if due."""
        del terms
        self._refresh(loop)

    def _refresh(self, loop):
        config = loop.config
        if loop.done % config.magnet_refresh_steps or loop.is_last:
            return
        loop.session.run(loop.graph.average_statistics)
        loop.check_variables()
        arrays = network.run_network(
            loop.session, self._graph, self._image_list, loop.look_for_signal
        )
        if arrays is None:
            return
        num_classes, clusters = self._centers.shape.as_list()[:2]
        centers = class_centers(
            arrays["embeddings"], arrays["labels"], num_classes, clusters, config.seed
        )
        loop.session.run(self._move, {self._new: centers})
        logs.LOGGER.info("step %d  %d clusters in each class", loop.done, clusters)


def class_centers(embeddings, labels, num_classes, clusters, seed):
    """Runs k-means in each class.

    Args:
      embeddings: float32 [N, D].
      labels: int [N].
      num_classes: int, C.
      clusters: int, K.
      seed: int.

    Returns:
      float32 [C, K, D]. A class with fewer than K different images has fewer centers; the others
      lie far outside the unit sphere.
    """
    centers = np.full((num_classes, clusters, embeddings.shape[1]), _NOWHERE, np.float32)
    with threadpool_limits(1):  # the order of sums, and so the last bits, depends on threads
        for label in np.unique(labels):
            rows = embeddings[labels == label]
            count = min(clusters, len(np.unique(rows, axis=0)))
            found = KMeans(count, n_init=1, random_state=seed).fit(rows)
            centers[label, :count] = found.cluster_centers_
    return centers

"""The retrieval and clustering metrics of one space, searching a split in itself."""

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import threadpool_limits

from evaluation import metrics
from evaluation.neighbours import Index

KEPT = 16
# The 11,316 test classes of Stanford Online Products would take k-means hours, in every space.
MOST_CLUSTERS = 2000
_CHUNK = 4096


def retrieval_values(vectors, labels, num_voters=5, names=None):
    """Searches each row among all others, in chunks of bounded memory.

    Args:
      vectors: float32 [N, D].
      labels: int [N].
      num_voters: int, how many neighbours vote on a class.
      names: collection of str, the metrics; default all retrieval metrics.

    Returns:
      dict from name to float [N], nan for a query whose class has no other image; and int64
      [N, <= 16], the nearest rows.
    """
    names = metrics.names_of("retrieval") if names is None else names
    index, k = Index(vectors), metrics.num_neighbours(labels, num_voters)
    relevant = np.bincount(labels)[labels] - 1
    values = {name: np.full(len(labels), np.nan) for name in names}
    nearest = np.zeros((len(labels), min(k, KEPT)), np.int64)
    for start in range(0, len(labels), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(labels)))
        _, found = index.search(vectors[rows], k, own=rows)
        nearest[rows] = found[:, :KEPT]
        asked = relevant[rows] > 0
        rows, found = rows[asked], found[asked]
        if len(rows):
            ranking = metrics.Ranking(labels[rows], labels[found], relevant[rows], num_voters)
            for name in names:
                values[name][rows] = metrics.METRICS[name].function(ranking)
    return values, nearest


def mean_of(values):
    """The mean over the queries, ignoring nan; nan if there is none."""
    asked = values[~np.isnan(values)]
    return float(np.mean(asked)) if len(asked) else float("nan")


def clustering_scores(vectors, labels, seed=0):
    """Compares the labels with k-means, one cluster per class, from one k-means++ start.

    Args:
      vectors: float32 [N, D].
      labels: int [N].
      seed: int.

    Returns:
      dict from the name of a clustering metric to float, normalised by the mean entropy; nan if
      there are more than `MOST_CLUSTERS` classes.
    """
    num_clusters, names = len(np.unique(labels)), metrics.names_of("clustering")
    if num_clusters > MOST_CLUSTERS:
        return dict.fromkeys(names, float("nan"))
    # The start is many small products, for which threads busy-wait for one another: a single thread
    # is ten times faster on a loaded machine.
    with threadpool_limits(1):
        centres, _ = kmeans_plusplus(vectors, num_clusters, random_state=seed)
    clusters = KMeans(num_clusters, init=centres, n_init=1, random_state=seed).fit_predict(vectors)
    return {name: float(metrics.METRICS[name].function(labels, clusters)) for name in names}

"""Detects images of unknown classes by their distance to the gallery, in NumPy.

An image is called unknown if its distance exceeds a threshold.
"""

import numpy as np

DEFAULT_SHARE = 0.05
# How classes are held out to measure it: so many draws of so large a share of the classes.
DRAWS, HELD_OUT_SHARE = 5, 0.2
_CHUNK_NUMBERS = 2**22


def threshold(distances, share):
    """The smallest of the distances that at most a given share of them exceeds.

    Args:
      distances: float [N], N > 0, of known images.
      share: float in [0, 1).

    Returns:
      float.
    """
    ordered = np.sort(distances)
    exceeding = int(np.floor(share * len(ordered) + 1e-9))
    return float(ordered[len(ordered) - 1 - exceeding])


def auroc(known, unknown):
    """Probability that an unknown image is farther away than a known one; a tie counts half.

    Args:
      known: float [N], distances.
      unknown: float [M], distances.

    Returns:
      float in [0, 1]; 0.5 is chance level, NaN if either is empty.
    """
    if not len(known) or not len(unknown):
        return float("nan")
    ordered = np.sort(known)
    nearer = np.searchsorted(ordered, unknown, "left") + np.searchsorted(ordered, unknown, "right")
    return float(nearer.mean() / 2 / len(ordered))


def false_alarms(known, unknown, recall=0.95):
    """False positive rate: known images called unknown when `recall` of the unknown ones are.

    Args:
      known: float [N], distances.
      unknown: float [M], distances.
      recall: float in (0, 1].

    Returns:
      float in [0, 1], at the largest threshold that reaches the recall; NaN if either is empty.
    """
    if not len(known) or not len(unknown):
        return float("nan")
    needed = int(np.ceil(recall * len(unknown) - 1e-9))
    furthest_first = np.sort(unknown)[::-1]
    return float(np.mean(np.asarray(known) >= furthest_first[needed - 1]))


def distances_to_classes(queries, gallery, labels, num_classes, leave_one_out=False):
    """The distance of each query to the nearest gallery image of each class.

    Args:
      queries: float32 [Q, D].
      gallery: float32 [N, D].
      labels: int [N], classes of the gallery.
      num_classes: int, C.
      leave_one_out: bool, the queries are the gallery, and none is compared with itself.

    Returns:
      float32 [Q, C], Euclidean; infinite if a class has no image (other than the query).
    """
    found = np.full((len(queries), num_classes), np.inf, np.float32)
    order = np.argsort(labels, kind="stable")
    classes, starts = np.unique(np.asarray(labels)[order], return_index=True)
    norms = np.einsum("nd,nd->n", gallery, gallery)
    size = max(1, _CHUNK_NUMBERS // max(len(gallery), 1))
    for start in range(0, len(queries), size):
        chunk = queries[start : start + size]
        squared = norms - 2.0 * (chunk @ gallery.T)
        squared += np.einsum("qd,qd->q", chunk, chunk)[:, np.newaxis]
        if leave_one_out:
            own = np.arange(len(chunk))
            squared[own, start + own] = np.inf
        nearest = np.minimum.reduceat(squared[:, order], starts, axis=1)
        found[start : start + size, classes] = np.sqrt(np.maximum(nearest, 0.0))
    return found


def held_out_scores(distances, labels, held_out):
    """How well classes missing from the gallery are separated from those in it.

    Args:
      distances: float32 [Q, C] from `distances_to_classes`, with all classes.
      labels: int [Q], classes of the queries.
      held_out: sequence of int, classes removed from the gallery; not all of them.

    Returns:
      dict with `auroc` and `false_alarms_at_95_recall`, fractions of 1, NaN if the queries are
      all known or all unknown.
    """
    stays = ~np.isin(np.arange(distances.shape[1]), held_out)
    nearest = distances[:, stays].min(axis=1)
    is_known = stays[np.asarray(labels)]
    known, unknown = nearest[is_known], nearest[~is_known]
    return {
        "auroc": auroc(known, unknown),
        "false_alarms_at_95_recall": false_alarms(known, unknown),
    }


def mean_held_out_scores(distances, labels, seed):
    """`held_out_scores`, averaged over seeded draws of a fifth of the classes.

    Args:
      distances: float32 [Q, C] of `distances_to_classes`, with all classes.
      labels: int [Q], classes of the queries.
      seed: int.

    Returns:
      dict as of `held_out_scores`; None for fewer than two classes.
    """
    num_classes = distances.shape[1]
    if num_classes < 2:
        return None
    rng = np.random.RandomState(seed)
    count = max(1, int(round(HELD_OUT_SHARE * num_classes)))
    draws = [rng.permutation(num_classes)[:count] for _ in range(DRAWS)]
    scores = [held_out_scores(distances, labels, held_out) for held_out in draws]
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}

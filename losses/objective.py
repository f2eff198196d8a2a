"""The training objective: cross-entropy + lambda * ranking loss (+ weight decay), and its terms."""

from typing import NamedTuple, Optional

from losses import triplet
from losses.arcface import arcface
from losses.center import center_loss
from losses.circle import circle
from losses.contrastive import contrastive
from losses.distances import masked_mean, pair_masks, squared_distances
from losses.lifted import lifted_structure
from losses.magnet import magnet
from losses.memory import remembered, takes_memory
from losses.mining import over_step
from losses.multi_similarity import multi_similarity
from losses.npairs import npairs
from losses.proxy_anchor import proxy_anchor
from losses.smooth_ap import smooth_ap
from losses.supcon import supcon
from utils.tf1 import tf

# Training mode -> ranking loss of (labels, embeddings) and its settings as keyword arguments.
RANKING_LOSSES = {
    "vanilla": None,
    "hard": triplet.batch_hard,
    "semi_hard": triplet.semi_hard,
    "adaptive": triplet.adaptive,
    "center": center_loss,
    "contrastive": contrastive,
    "npairs": npairs,
    "lifted": lifted_structure,
    "multi_similarity": multi_similarity,
    "circle": circle,
    "supcon": supcon,
    "smooth_ap": smooth_ap,
    "proxy_anchor": proxy_anchor,
    "arcface": arcface,
    "magnet": magnet,
}
# The "margin" of other losses is not one of squared distances.
_WITH_A_TRIPLET_MARGIN = (triplet.batch_hard, triplet.semi_hard, triplet.adaptive)


class Objective(NamedTuple):
    """What a training step minimises and reports.

    Attributes:
      total: float32 [], the loss.
      terms: dict from name to float32 [], values to log.
      update: op to run with each step, such as moving centers; or None.
    """

    total: tf.Tensor
    terms: dict
    update: Optional[tf.Operation]


def objective(
    mode, labels, logits, embeddings, weight, settings, memory=None, step=None, label_smoothing=0.0
):
    """Builds the objective of a training mode: cross-entropy + weight * ranking loss.

    Args:
      mode: str, a key of `RANKING_LOSSES`, or a sum of two such as "hard+circle".
      labels: int32 [B].
      logits: float32 [B, C].
      embeddings: float32 [B, D], rows of unit norm; None for "vanilla".
      weight: float, lambda; None for "vanilla".
      settings: dict, the ranking loss's other arguments besides labels and embeddings; for a sum,
        those of `weighted_sum`.
      memory: dict, the arguments of `losses.memory.remembered` besides labels and embeddings; None
        for no memory.
      step: losses.mining.Step, for a ranking loss over more images than these B.
      label_smoothing: float, of the cross-entropy.

    Returns:
      Objective. Its terms are `loss`, `cross_entropy`, `accuracy` and, with a ranking loss,
      `ranking_loss` and the statistics of `pair_statistics`.
    """
    softmax_loss = cross_entropy(labels, logits, label_smoothing)
    correct = tf.equal(tf.argmax(logits, axis=1, output_type=labels.dtype), labels)
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
    terms = {"loss": softmax_loss, "cross_entropy": softmax_loss, "accuracy": accuracy}
    ranking_loss = weighted_sum if "+" in mode else RANKING_LOSSES[mode]
    if ranking_loss is None:
        return Objective(softmax_loss, terms, None)
    updates = []

    def mean_loss(labels, embeddings):
        mean, update = _mean_loss(ranking_loss, labels, embeddings, settings, memory)
        updates.extend([] if update is None else [update])
        return mean

    if step is None:
        ranking = mean_loss(labels, embeddings)
    else:
        ranking = over_step(mean_loss, embeddings, step)
        labels, embeddings = step.labels, step.embeddings
    total = softmax_loss + weight * ranking
    margin = settings.get("margin") if ranking_loss in _WITH_A_TRIPLET_MARGIN else None
    statistics = pair_statistics(labels, embeddings, margin)
    terms.update(loss=total, ranking_loss=ranking, **statistics)
    return Objective(total, terms, updates[0] if updates else None)


def _mean_loss(ranking_loss, labels, embeddings, settings, memory):
    """The mean of a ranking loss, and the op that updates its variables and the memory, or None."""
    updates, arguments = [], settings
    if memory is not None:
        arguments = dict(settings, anchors=tf.shape(labels)[0])
        labels, embeddings, update = remembered(labels, embeddings, **memory)
        updates.append(update)
    values = ranking_loss(labels, embeddings, **arguments)
    if isinstance(values, tuple):
        values, update = values
        updates.append(update)
    return tf.reduce_mean(values), tf.group(*updates) if updates else None


def weighted_sum(labels, embeddings, anchors=None, **parts):
    """Adds ranking losses.

    Args:
      labels: int [B].
      embeddings: float32 [B, D], rows of unit norm.
      anchors: int or int32 [], how many of the rows count as anchors; None for all. A loss without
        this argument is of those rows alone.
      **parts: for each key of `RANKING_LOSSES`, its weight and a dict of its other arguments.

    Returns:
      float32 [], the sum of weight * mean; or that and the op that updates the losses' variables.
    """
    total, updates = 0.0, []
    for mode, (weight, settings) in parts.items():
        loss = RANKING_LOSSES[mode]
        if takes_memory(loss):
            values = loss(labels, embeddings, anchors=anchors, **settings)
        else:
            values = loss(labels[:anchors], embeddings[:anchors], **settings)
        if isinstance(values, tuple):
            values, update = values
            updates.append(update)
        total += weight * tf.reduce_mean(values)
    return (total, tf.group(*updates)) if updates else total


def cross_entropy(labels, logits, smoothing=0.0):
    """Softmax cross-entropy, with smoothed labels if wanted (Szegedy et al., arXiv:1512.00567).

        loss_i = -(1 - s) * log p_i[y_i] - s / C * sum_c log p_i[c]

    Args:
      labels: int32 [B].
      logits: float32 [B, C].
      smoothing: float, s from 0 to 1.

    Returns:
      float32 [], the mean over the batch.
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    if smoothing:
        uniform = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=1)
        losses = (1.0 - smoothing) * losses + smoothing * uniform
    return tf.reduce_mean(losses)


def pair_statistics(labels, embeddings, margin):
    """Distances between the embeddings of a batch, comparable between the modes.

    Args:
      labels: int32 [B].
      embeddings: float32 [B, D].
      margin: float, of a triplet loss; anything but a number counts as 0.

    Returns:
      dict from name to float32 []: `active_anchors`, the fraction of anchors whose farthest
      positive is not nearer than the nearest negative by at least the margin;
      `positive_distance` and `negative_distance`, the mean squared distances of such pairs.
    """
    distances = squared_distances(embeddings)
    positive, negative = pair_masks(labels)
    least = -margin if isinstance(margin, float) else 0.0
    hard = triplet.hardest_difference(distances, positive, negative) > least
    active = tf.cast(tf.logical_and(hard, tf.reduce_any(negative, axis=1)), tf.float32)
    return {
        "active_anchors": tf.reduce_mean(active),
        "positive_distance": masked_mean(distances, positive),
        "negative_distance": masked_mean(distances, negative),
    }


def l2_penalty(variables, weight_decay):
    """Weight decay as slim's regularisers would add it.

    Args:
      variables: list of tf.Variable.
      weight_decay: float.

    Returns:
      float32 [], weight_decay * 0.5 * sum of squares of the variables named "weights"; biases,
      batch normalisation and depthwise filters are left out.
    """
    weights = [v for v in variables if v.name.endswith("/weights:0")]
    return weight_decay * tf.add_n([tf.nn.l2_loss(v) for v in weights])

"""The step of one replica: its tower, its objective, and the update of the weights."""

from config.networks import NETWORKS
from losses.mining import Step
from nets.dropout import rows_of_step
from training.averaging import create_averages
from training.build import build_objective, build_tower, draws_per_step
from training.step_cache import StepCache
from utils.tf1 import tf


def build_step(config, replicas, index, iterator, part, num_classes, optimizer, global_step):
    """Builds what a replica does in a training step; called inside `Replicas.run`.

    Args:
      config: Config.
      replicas: training.replicas.Replicas.
      index: int, of the replica.
      iterator: tf.data.Iterator, its input.
      part: int32 [] tensor, index of the batch in its step.
      num_classes: int, C.
      optimizer: tf.train.Optimizer.
      global_step: int64 variable.

    Returns:
      dict from some fields of `training.graphs.TrainGraph` to their values.
    """
    images, labels = iterator.get_next()
    cache, embed, step = None, None, None
    if draws_per_step(config) < config.accumulate_batches:
        cache = StepCache(images, labels, part, config.accumulate_batches)
        images, labels = cache.images, cache.labels
    num_parts = replicas.count * config.accumulate_batches
    size = images.shape.as_list()[0]
    first = (index + part * replicas.count) * size
    with rows_of_step(first, num_parts * size if num_parts > 1 else None):
        tower = build_tower(config, images, num_classes, is_training=True)
    if config.mining == "step" and num_parts > 1:
        own = {"labels": labels, "embeddings": tf.stop_gradient(tower.embeddings)}
        whole = replicas.gather(own, index)
        if cache is not None:
            embed, whole = cache.embed(whole)
        step = Step(whole["labels"], whole["embeddings"], first, num_parts)
    built = build_objective(config, labels, tower, step)
    total, updates = built.total / replicas.count, []
    if config.ema_decay:
        create_averages()
        if config.accumulate_batches == 1:  # else statistics are updated before, with each batch
            updates = batch_norm_updates(config)
    with tf.control_dependencies(updates):
        accumulate, update = minimise(optimizer, total, global_step, config.accumulate_batches)
    if built.update is not None and (accumulate is None or step is not None):
        update = tf.group(update, built.update)
    elif built.update is not None:
        accumulate = tf.group(accumulate, built.update)
    return {
        "images": images,
        "labels": labels,
        "logits": tower.logits,
        "end_points": tower.end_points,
        "terms": replicas.mean(built.terms),
        "load": cache and cache.load,
        "embed": embed,
        "accumulate": accumulate,
        "step": update,
    }


def join(steps, updates):
    """Puts the replicas of this process together.

    Args:
      steps: list of dict, see `build_step`.
      updates: list of ops that run with each batch.

    Returns:
      dict like them, with ops of all replicas, and the tensors of the first.
    """
    joined = dict(steps[0])
    for name in ("load", "embed", "accumulate", "step"):
        if joined[name] is not None:
            joined[name] = tf.group(*[step[name] for step in steps])
    with_batch = "step" if joined["accumulate"] is None else "accumulate"
    joined[with_batch] = tf.group(joined[with_batch], *updates)
    return joined


def batch_norm_updates(config):
    """Moving-average updates of the layers that the loss uses, so not of an unused classifier."""
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    if config.aux_loss_weight:
        return updates
    unused = [f"/{scope.rsplit('/', 1)[-1]}/" for scope in NETWORKS[config.net].head_scopes]
    return [op for op in updates if not any(scope in op.name for scope in unused)]


def minimise(optimizer, total, global_step, num_batches):
    """Builds the update of the weights.

    Args:
      optimizer: tf.train.Optimizer.
      total: float32 [], the loss; the gradients of the replicas are added up.
      global_step: int64 variable.
      num_batches: int, batches a step.

    Returns:
      The op that accumulates a batch (None for one batch a step), and the op that updates.
    """
    gradients = [(g, v) for g, v in optimizer.compute_gradients(total) if g is not None]
    if num_batches == 1:
        return None, _apply(optimizer, gradients, global_step)
    sums = [
        tf.Variable(
            tf.zeros(v.shape),
            trainable=False,
            collections=[tf.GraphKeys.LOCAL_VARIABLES],
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.SUM,
        )
        for _, v in gradients
    ]
    accumulate = tf.group(*[s.assign_add(g) for s, (g, _) in zip(sums, gradients)])
    means = [(s / num_batches, v) for s, (_, v) in zip(sums, gradients)]
    with tf.control_dependencies([_apply(optimizer, means, global_step)]):
        return accumulate, tf.group(*[s.assign(tf.zeros_like(s)) for s in sums])


def _apply(optimizer, gradients, global_step):
    """The op that updates the weights and counts the step.

    Loss scaling leaves the weights as they are, and would not count, where a gradient is infinite.
    """
    with tf.control_dependencies([optimizer.apply_gradients(gradients)]):
        return tf.group(global_step.assign_add(1))

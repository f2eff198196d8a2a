"""The graphs of a run, put together from the parts of `training.build`."""

from typing import NamedTuple, Optional

import numpy as np

from config.networks import NETWORKS
from nets.sync_batch_norm import shared_statistics
from training.build import (
    augmentation_of,
    build_objective,
    build_optimizer,
    build_tower,
    draws_per_step,
    eval_input,
    train_input,
)
from training.replicas import Replicas
from training.step_cache import StepCache, rows_of, step_of
from utils import checkpoints
from utils.tf1 import tf


class TrainGraph(NamedTuple):
    """The training tower, its input and its step.

    Images, labels, logits and end points are those of this process's first replica.

    Attributes:
      replicas: training.replicas.Replicas that share each batch.
      iterators: list of tf.data.Iterator, one for each replica of this process.
      first_draw: int64 [] placeholder, position in the stream at which they start.
      images: float32 [b, F, F, 3], the current batch.
      labels: int32 [b].
      logits: float32 [b, C], with the statistics of the batch.
      end_points: dict from the backbone's end points to tensors.
      terms: dict from name to float32 [], values to log for the batch, over all replicas.
      part: int32 [] placeholder, index of the batch in its step; only with `embed`.
      load: op that takes in the images of a step; None if no loss spans several batches.
      embed: op that computes the embeddings of one of its batches; None likewise.
      accumulate: op that adds a batch's gradients; None if a step is one batch.
      step: op that updates the weights.
      learning_rate: float32 [].
      global_step: int64 variable, steps done.
      best: float32 variable [2], accuracy and step of the best evaluation; saved with the rest.
      new_best: float32 [2] placeholder.
      set_best: op that sets `best` to `new_best`.
      interval: float64 variable [T + 1], see `training.loop.TrainingLoop`; saved with the rest.
      new_interval: float64 [T + 1] placeholder.
      set_interval: op that sets `interval` to `new_interval`.
      average_statistics: op that gives all replicas the same batch-normalisation statistics.
      not_finite: string [V], names of the saved variables that contain infinity or NaN.
    """

    replicas: Replicas
    iterators: list
    first_draw: tf.Tensor
    images: tf.Tensor
    labels: tf.Tensor
    logits: tf.Tensor
    end_points: dict
    terms: dict
    part: Optional[tf.Tensor]
    load: Optional[tf.Operation]
    embed: Optional[tf.Operation]
    accumulate: Optional[tf.Operation]
    step: tf.Operation
    learning_rate: tf.Tensor
    global_step: tf.Variable
    best: tf.Variable
    new_best: tf.Tensor
    set_best: tf.Operation
    interval: tf.Variable
    new_interval: tf.Tensor
    set_interval: tf.Operation
    average_statistics: tf.Operation
    not_finite: tf.Tensor


class EvalGraph(NamedTuple):
    """The evaluation tower on one split.

    Attributes:
      batch_size: int, B, over all replicas.
      iterators: list of tf.data.Iterator, one for each replica of this process.
      start: op that starts a pass.
      images: float32 [b, F, F, 3], of this process's first replica; other images can be fed.
      own_logits: float32 [b, C], of `images`.
      labels: int32 [B], like the following of all replicas.
      logits: float32 [B, C].
      embeddings: float32 [B, D], or None for a vanilla run.
      pooled: float32 [B, F].
      augmentation: data.augment.Augmentation, how files become images.
    """

    batch_size: int
    iterators: list
    start: tf.Operation
    images: tf.Tensor
    own_logits: tf.Tensor
    labels: tf.Tensor
    logits: tf.Tensor
    embeddings: Optional[tf.Tensor]
    pooled: tf.Tensor
    augmentation: tuple


class _Part(NamedTuple):
    """What a replica does in a training step; the fields are those of `TrainGraph`."""

    images: tf.Tensor
    labels: tf.Tensor
    logits: tf.Tensor
    end_points: dict
    terms: dict
    load: Optional[tf.Operation]
    embed: Optional[tf.Operation]
    accumulate: Optional[tf.Operation]
    step: tf.Operation


def build_train_graph(config, image_list, num_classes, replicas=None):
    """Assembles the graph of a training step.

    Args:
      config: Config.
      image_list: data.lists.ImageList, the training split.
      num_classes: int, C.
      replicas: training.replicas.Replicas; default one device.

    Returns:
      TrainGraph.
    """
    replicas = replicas or Replicas()
    with replicas.strategy.scope():
        tf.set_random_seed(config.seed)
        # before the network, whose dropout reads it
        global_step = tf.train.get_or_create_global_step()
        first_draw = tf.placeholder(tf.int64, [], name="first_draw")
        part = tf.placeholder(tf.int32, [], name="part")
        iterators = [
            tf.data.make_initializable_iterator(
                train_input(config, image_list, first_draw, index, replicas.count)
            )
            for index in replicas.local
        ]
        optimizer, learning_rate = build_optimizer(config, global_step)
        with shared_statistics(config.sync_bn and replicas.count > 1):
            parts = replicas.run(
                lambda index: _build_part(
                    config,
                    replicas,
                    index,
                    iterators[index - replicas.local[0]],
                    num_classes,
                    optimizer,
                    global_step,
                    part,
                )  # fmt: skip
            )
        replicas.build_vote()
        best = tf.get_variable("best", initializer=[-1.0, 0.0], trainable=False)
        new_best = tf.placeholder(tf.float32, [2], name="new_best")
        sums = np.zeros(len(parts[0].terms) + 1)
        interval = tf.get_variable(checkpoints.INTERVAL, initializer=sums, trainable=False)
        new_interval = tf.placeholder(tf.float64, sums.shape, name="new_interval")
        return TrainGraph(
            replicas=replicas,
            iterators=iterators,
            first_draw=first_draw,
            part=part,
            learning_rate=learning_rate,
            global_step=global_step,
            best=best,
            new_best=new_best,
            set_best=tf.group(best.assign(new_best)),
            interval=interval,
            new_interval=new_interval,
            set_interval=tf.group(interval.assign(new_interval)),
            average_statistics=replicas.average_statistics(tf.global_variables()),
            not_finite=_not_finite(replicas.own_copies(tf.global_variables())),
            **_join(parts, batch_norm_updates(config)),
        )


def _build_part(config, replicas, index, iterator, num_classes, optimizer, global_step, part):
    """Builds the tower, the objective and the update of one replica."""
    images, labels = iterator.get_next()
    cache, embed, step = None, None, None
    if draws_per_step(config) < config.accumulate_batches:
        cache = StepCache(images, labels, part, config.accumulate_batches)
        images, labels = cache.images, cache.labels
    tower = build_tower(config, images, num_classes, is_training=True)
    if config.mining == "step" and (cache is not None or replicas.count > 1):
        rows = replicas.gather(rows_of(tower.embeddings, labels), index)
        num_parts = replicas.count
        if cache is not None:
            embed, rows = cache.embed(rows)
            num_parts *= config.accumulate_batches
            index += part * replicas.count
        step = step_of(rows, index * images.shape.as_list()[0], num_parts)
    built = build_objective(config, labels, tower, step)
    accumulate, update = _minimise(
        optimizer, built.total / replicas.count, global_step, config.accumulate_batches
    )
    with_loss = [built.update] if built.update is not None else []
    if accumulate is None or step is not None:
        update = tf.group(update, *with_loss)
    else:
        accumulate = tf.group(accumulate, *with_loss)
    return _Part(
        images,
        labels,
        tower.logits,
        tower.end_points,
        replicas.mean(built.terms),
        cache and cache.load,
        embed,
        accumulate,
        update,
    )


def _join(parts, updates):
    """The fields of the TrainGraph that come from the replicas of this process.

    Args:
      parts: list of _Part.
      updates: list of ops that run with each batch.
    """
    joined = {
        name: tf.group(*[getattr(part, name) for part in parts])
        for name in ("load", "embed", "accumulate", "step")
        if getattr(parts[0], name) is not None
    }
    with_batch = "accumulate" if "accumulate" in joined else "step"
    joined[with_batch] = tf.group(joined[with_batch], *updates)
    return dict(parts[0]._asdict(), **joined)


def _not_finite(variables):
    """Names of the variables that contain infinity or NaN, string [V]."""
    floats = {name: v for name, v in variables.items() if v.dtype.is_floating}
    finite = tf.stack([tf.reduce_all(tf.is_finite(v)) for v in floats.values()])
    return tf.boolean_mask(tf.constant(list(floats)), tf.logical_not(finite))


def start(session, graph):
    """Initialises the variables of a session and starts the input."""
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    seek(session, graph, 0)


def seek(session, graph, draw):
    """Moves the training input to a position of the stream."""
    session.run([i.initializer for i in graph.iterators], {graph.first_draw: draw})


def batch_norm_updates(config):
    """Moving-average updates of the layers that the loss uses, so not of an unused classifier."""
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    if config.aux_loss_weight:
        return updates
    unused = [f"/{scope.rsplit('/', 1)[-1]}/" for scope in NETWORKS[config.net].head_scopes]
    return [op for op in updates if not any(scope in op.name for scope in unused)]


def _minimise(optimizer, total, global_step, num_batches):
    """The ops that accumulate a batch (None for one batch per step) and update the weights."""
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


def build_eval_graph(config, image_list, num_classes, batch_size=None, reuse=None, replicas=None):
    """Builds the evaluation tower and its input.

    Args:
      config: Config.
      image_list: data.lists.ImageList.
      num_classes: int, C.
      batch_size: int, default the run's.
      reuse: True if there is a training tower.
      replicas: training.replicas.Replicas; default one device.

    Returns:
      EvalGraph.
    """
    replicas = replicas or Replicas()
    with replicas.strategy.scope():
        iterators = [
            tf.data.make_initializable_iterator(
                eval_input(config, image_list, batch_size, index, replicas.count)
            )
            for index in replicas.local
        ]

        def build(index):
            images, labels = iterators[index - replicas.local[0]].get_next()
            tower = build_tower(config, images, num_classes, is_training=False, reuse=reuse)
            outputs = [tf.cast(labels, tf.float32)[:, tf.newaxis], tower.logits, tower.pooled]
            if tower.embeddings is not None:
                outputs.append(tower.embeddings)
            if replicas.count > 1:  # in one piece, as every exchange has its price
                whole = replicas.gather(tf.concat(outputs, axis=1), index)
                outputs = tf.split(whole, [rows.shape.as_list()[1] for rows in outputs], axis=1)
            labels = labels if replicas.count == 1 else tf.cast(outputs[0][:, 0], tf.int32)
            embeddings = outputs[3] if len(outputs) > 3 else None
            return images, tower.logits, labels, outputs[1], embeddings, outputs[2]

        outputs = replicas.run(build)[0]
        start = tf.group(*[iterator.initializer for iterator in iterators])
        size, augmentation = batch_size or config.batch_size, augmentation_of(config)
        return EvalGraph(size, iterators, start, *outputs, augmentation)

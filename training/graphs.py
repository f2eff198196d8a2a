"""The graphs of a run, put together from the parts of `training.build`."""

import contextlib
from typing import NamedTuple, Optional

import numpy as np

from nets.sync_batch_norm import shared_statistics
from training.averaging import averaged_variables
from training.build import augmentation_of, bad_images_of, build_tower, eval_input, train_input
from training.optimizer import build_optimizer
from training.replicas import Replicas
from training.step import batch_norm_updates, build_step, join
from utils import checkpoints
from utils.tf1 import tf


class TrainGraph(NamedTuple):
    """The training tower, its input and its step.

    Images, labels, logits and end points are those of this process's first replica.

    Attributes:
      replicas: training.replicas.Replicas that share each batch.
      iterators: list of tf.data.Iterator, one for each replica of this process.
      bad_images: data.bad_images.BadImages that the iterators replace; None if they fail at them.
      first_draw: int64 [] placeholder, position in the stream at which they start.
      images: float32 [b, F, F, 3], the current batch.
      labels: int32 [b].
      logits: float32 [b, C], with the statistics of the batch.
      end_points: dict from the backbone's end points to tensors.
      terms: dict from name to float32 [], values to log for the batch, over all replicas.
      part: int32 [] placeholder, index of the batch in its step.
      load: op that takes in the images of a step; None if no loss spans several batches.
      embed: op that computes the embeddings of one of its batches; None likewise.
      accumulate: op that adds a batch's gradients; None if a step is one batch.
      step: op that updates the weights.
      learning_rate: float32 [].
      global_step: int64 variable, steps done.
      best: float32 variable [2], score and step of the best evaluation; saved with the rest.
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
    bad_images: Optional[object]
    first_draw: tf.Tensor
    images: tf.Tensor
    labels: tf.Tensor
    logits: tf.Tensor
    end_points: dict
    terms: dict
    part: tf.Tensor
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
        step = _build_step(config, image_list, num_classes, replicas, global_step)
        replicas.build_vote()
        state = _build_state(len(step["terms"]))
        variables = tf.global_variables()
        return TrainGraph(
            replicas=replicas,
            global_step=global_step,
            average_statistics=replicas.average_statistics(variables),
            not_finite=_not_finite(replicas.own_copies(variables)),
            **step,
            **state,
        )


def _build_step(config, image_list, num_classes, replicas, global_step):
    """The fields of the TrainGraph that take a step."""
    first_draw = tf.placeholder(tf.int64, [], name="first_draw")
    part = tf.placeholder(tf.int32, [], name="part")
    bad_images = bad_images_of(config, image_list)
    iterators = {
        index: tf.data.make_initializable_iterator(
            train_input(config, image_list, first_draw, index, replicas.count, bad_images)
        )
        for index in replicas.local
    }
    optimizer, learning_rate = build_optimizer(config, global_step)

    def build(index):
        return build_step(
            config, replicas, index, iterators[index], part, num_classes, optimizer, global_step
        )

    with shared_statistics(config.sync_bn and replicas.count > 1):
        steps = replicas.run(build)
    return dict(
        join(steps, batch_norm_updates(config)),
        iterators=list(iterators.values()),
        bad_images=bad_images,
        first_draw=first_draw,
        part=part,
        learning_rate=learning_rate,
    )


def _build_state(num_terms):
    """The fields of the TrainGraph that a run keeps besides its weights."""
    best = tf.get_variable("best", initializer=[-1.0, 0.0], trainable=False)
    new_best = tf.placeholder(tf.float32, [2], name="new_best")
    sums = np.zeros(num_terms + 1)
    interval = tf.get_variable(checkpoints.INTERVAL, initializer=sums, trainable=False)
    new_interval = tf.placeholder(tf.float64, sums.shape, name="new_interval")
    return dict(
        best=best,
        new_best=new_best,
        set_best=tf.group(best.assign(new_best)),
        interval=interval,
        new_interval=new_interval,
        set_interval=tf.group(interval.assign(new_interval)),
    )


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


def build_eval_graph(
    config, image_list, num_classes, batch_size=None, reuse=None, replicas=None, averaged=False
):
    """Builds the evaluation tower and its input.

    Args:
      config: Config.
      image_list: data.lists.ImageList.
      num_classes: int, C.
      batch_size: int, default the run's.
      reuse: True if there is a training tower.
      replicas: training.replicas.Replicas; default one device.
      averaged: bool, whether to read the averages that the training tower keeps.

    Returns:
      EvalGraph.
    """
    replicas = replicas or Replicas()
    with replicas.strategy.scope():
        iterators = {
            index: tf.data.make_initializable_iterator(
                eval_input(config, image_list, batch_size, index, replicas.count)
            )
            for index in replicas.local
        }

        def build(index):
            images, labels = iterators[index].get_next()
            with averaged_variables() if averaged else contextlib.nullcontext():
                tower = build_tower(config, images, num_classes, is_training=False, reuse=reuse)
            outputs = {"labels": labels, "logits": tower.logits, "pooled": tower.pooled}
            if tower.embeddings is not None:
                outputs["embeddings"] = tower.embeddings
            return images, tower.logits, replicas.gather(outputs, index)

        images, own_logits, outputs = replicas.run(build)[0]
        return EvalGraph(
            batch_size=batch_size or config.batch_size,
            iterators=list(iterators.values()),
            start=tf.group(*[iterator.initializer for iterator in iterators.values()]),
            images=images,
            own_logits=own_logits,
            augmentation=augmentation_of(config),
            **dict({"embeddings": None}, **outputs),
        )

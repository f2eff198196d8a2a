"""The graphs of a run, put together from the parts of `training.build`."""

from typing import NamedTuple, Optional

from config.networks import NETWORKS
from training.build import build_objective, build_optimizer, build_tower, eval_input, train_input
from utils.tf1 import tf


class TrainGraph(NamedTuple):
    """The training tower, its input and its step.

    Attributes:
      iterator: tf.data.Iterator; initialised with `first_batch` fed.
      first_batch: int64 [] placeholder, position of the first batch.
      images: float32 [B, F, F, 3], the current batch.
      labels: int32 [B].
      logits: float32 [B, C], with the statistics of the batch.
      end_points: dict from the backbone's end points to tensors.
      terms: dict from name to float32 [], values to log for the batch.
      accumulate: op that adds a batch's gradients; None if a step is one batch.
      step: op that updates the weights.
      learning_rate: float32 [].
      global_step: int64 variable, steps done.
      best: float32 variable [2], accuracy and step of the best evaluation; saved with the rest.
      not_finite: string [V], names of the saved variables that contain infinity or NaN.
    """

    iterator: object
    first_batch: tf.Tensor
    images: tf.Tensor
    labels: tf.Tensor
    logits: tf.Tensor
    end_points: dict
    terms: dict
    accumulate: object
    step: tf.Operation
    learning_rate: tf.Tensor
    global_step: tf.Variable
    best: tf.Variable
    not_finite: tf.Tensor


class EvalGraph(NamedTuple):
    """The evaluation tower on one split.

    Attributes:
      iterator: tf.data.Iterator, initialised before each pass.
      images: float32 [B, F, F, 3]; other images can be fed instead.
      labels: int32 [B].
      logits: float32 [B, C].
      embeddings: float32 [B, D], or None for a vanilla run.
      pooled: float32 [B, F].
    """

    iterator: object
    images: tf.Tensor
    labels: tf.Tensor
    logits: tf.Tensor
    embeddings: Optional[tf.Tensor]
    pooled: tf.Tensor


def build_train_graph(config, image_list, num_classes):
    """Assembles the graph of a training step.

    Args:
      config: Config.
      image_list: data.lists.ImageList, the training split.
      num_classes: int, C.

    Returns:
      TrainGraph.
    """
    tf.set_random_seed(config.seed)
    global_step = tf.train.get_or_create_global_step()  # before the network, whose dropout reads it
    first_batch = tf.placeholder(tf.int64, [], name="first_batch")
    iterator = tf.data.make_initializable_iterator(train_input(config, image_list, first_batch))
    images, labels = iterator.get_next()
    tower = build_tower(config, images, num_classes, is_training=True)
    built = build_objective(config, labels, tower)
    optimizer, learning_rate = build_optimizer(config, global_step)
    updates = batch_norm_updates(config) + [u for u in [built.update] if u is not None]
    accumulate, step = _minimise(
        optimizer, built.total, updates, global_step, config.accumulate_batches
    )
    best = tf.get_variable("best", initializer=[-1.0, 0.0], trainable=False)
    return TrainGraph(
        iterator,
        first_batch,
        images,
        labels,
        tower.logits,
        tower.end_points,
        built.terms,
        accumulate,
        step,
        learning_rate,
        global_step,
        best,
        _not_finite(),
    )


def _not_finite():
    """Names of the saved variables that contain infinity or NaN, string [V]."""
    floats = [v for v in tf.global_variables() if v.dtype.is_floating]
    finite = tf.stack([tf.reduce_all(tf.is_finite(v)) for v in floats])
    return tf.boolean_mask(tf.constant([v.op.name for v in floats]), tf.logical_not(finite))


def start(session, graph):
    """Initialises the variables of a session and starts the input."""
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    seek(session, graph, 0)


def seek(session, graph, batch):
    """Moves the training input to the batch at a position of the stream."""
    session.run(graph.iterator.initializer, {graph.first_batch: batch})


def batch_norm_updates(config):
    """Moving-average updates of the layers that the loss uses, so not of an unused classifier."""
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    if config.aux_loss_weight:
        return updates
    unused = [f"/{scope.rsplit('/', 1)[-1]}/" for scope in NETWORKS[config.net].head_scopes]
    return [op for op in updates if not any(scope in op.name for scope in unused)]


def _minimise(optimizer, total, updates, global_step, num_batches):
    """The ops that accumulate a batch (None for one batch per step) and update the weights."""
    gradients = [(g, v) for g, v in optimizer.compute_gradients(total) if g is not None]
    if num_batches == 1:
        with tf.control_dependencies(updates):
            return None, _apply(optimizer, gradients, global_step)
    sums = [
        tf.Variable(tf.zeros(v.shape), trainable=False, collections=[tf.GraphKeys.LOCAL_VARIABLES])
        for _, v in gradients
    ]
    with tf.control_dependencies(updates):
        accumulate = tf.group(*[s.assign_add(g) for s, (g, _) in zip(sums, gradients)])
    means = [(s / num_batches, v) for s, (_, v) in zip(sums, gradients)]
    with tf.control_dependencies([_apply(optimizer, means, global_step)]):
        return accumulate, tf.group(*[s.assign(tf.zeros_like(s)) for s in sums])


def _apply(optimizer, gradients, global_step):
    """The op that updates the weights and counts the step.

    Loss scaling leaves the weights as they are, and would not count, where a gradient is infinite.
    """
    with tf.control_dependencies([optimizer.apply_gradients(gradients)]):
        return tf.assign_add(global_step, 1).op


def build_eval_graph(config, image_list, num_classes, batch_size=None, reuse=None):
    """Builds the evaluation tower and its input.

    Args:
      config: Config.
      image_list: data.lists.ImageList.
      num_classes: int, C.
      batch_size: int, default the run's.
      reuse: True if there is a training tower.

    Returns:
      EvalGraph.
    """
    iterator = tf.data.make_initializable_iterator(eval_input(config, image_list, batch_size))
    images, labels = iterator.get_next()
    tower = build_tower(config, images, num_classes, is_training=False, reuse=reuse)
    return EvalGraph(iterator, images, labels, tower.logits, tower.embeddings, tower.pooled)

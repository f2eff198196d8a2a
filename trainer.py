"""Training: the graph of a training step, and a run from its first look at the settings on."""

import dataclasses
import os
from typing import NamedTuple

import evaluator
import preflight
from config.networks import NETWORKS
from data import pipeline
from losses.objective import cross_entropy, l2_penalty, objective
from training_loop import TrainingLoop
from utils import logs, plots, run_dir
from utils.provenance import provenance
from utils.tf1 import session_config, tf

MOMENTUM = 0.9


class TrainGraph(NamedTuple):
    """The training tower, its input and its step.

    Attributes:
      iterator: tf.data.Iterator; initialised with `first_batch` fed.
      first_batch: int64 [] placeholder, position of the first batch.
      images: float32 [B, F, F, 3], the batch that is taken.
      labels: int32 [B].
      logits: float32 [B, C], with the statistics of the batch.
      end_points: dict from the backbone's end points to tensors.
      terms: dict from name to float32 [], what is logged of the batch.
      accumulate: op that adds a batch's gradients; None where one batch is a step.
      step: op that moves the weights.
      learning_rate: float32 [].
      global_step: int64 variable, steps done.
      best: float32 variable [2], accuracy and step of the best evaluation; saved with the rest.
      weights_finite: bool [], no trainable weight is infinite or NaN.
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
    weights_finite: tf.Tensor


def build_train_graph(config, image_list, num_classes):
    """Builds the training tower, its input, its objective and its optimiser.

    Args:
      config: Config.
      image_list: data.lists.ImageList, the training split.
      num_classes: int, C.

    Returns:
      TrainGraph.
    """
    tf.set_random_seed(config.seed)
    first_batch = tf.placeholder(tf.int64, [], name="first_batch")
    iterator = tf.data.make_initializable_iterator(
        _training_batches(config, image_list, first_batch)
    )
    images, labels = iterator.get_next()
    tower = evaluator.build_tower(config, images, num_classes, is_training=True)
    goal = objective(
        config.train_mode,
        labels,
        tower.logits,
        tower.embeddings,
        config.ranking_weight,
        config.margin,
        config.center_alpha,
    )
    total, terms = goal.total, dict(goal.terms)
    if config.aux_loss_weight:
        side = tower.end_points[NETWORKS[config.net].auxiliary]
        terms["auxiliary_loss"] = cross_entropy(labels, side)
        total = terms["loss"] = total + config.aux_loss_weight * terms["auxiliary_loss"]
    if config.weight_decay:
        terms["weight_decay"] = l2_penalty(tf.trainable_variables(), config.weight_decay)
        total = terms["loss"] = total + terms["weight_decay"]
    updates = _batch_norm_updates(config) + [u for u in [goal.center_update] if u is not None]
    global_step = tf.train.get_or_create_global_step()
    learning_rate = tf.train.polynomial_decay(
        config.learning_rate, global_step, config.train_iters, config.end_learning_rate
    )
    optimizer = tf.train.MomentumOptimizer(learning_rate, MOMENTUM)
    accumulate, step = _minimise(optimizer, total, updates, global_step, config.caffe_iter_size)
    finite = [tf.reduce_all(tf.is_finite(v)) for v in tf.trainable_variables()]
    return TrainGraph(
        iterator,
        first_batch,
        images,
        labels,
        tower.logits,
        tower.end_points,
        terms,
        accumulate,
        step,
        learning_rate,
        global_step,
        tf.get_variable("best", initializer=[-1.0, 0.0], trainable=False),
        tf.reduce_all(tf.stack(finite)),
    )


def _training_batches(config, image_list, first_batch):
    return pipeline.training_batches(
        image_list.paths,
        image_list.labels,
        evaluator.sampler_of(config, image_list.labels),
        config.batch_size,
        evaluator.augmentation_of(config),
        config.seed,
        first_batch,
        config.tuple_loader_queue_size,
    )


def _batch_norm_updates(config):
    """The moving averages of the layers that the loss reads, so not of an unused classifier."""
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    if config.aux_loss_weight:
        return updates
    unused = [f"/{scope.rsplit('/', 1)[-1]}/" for scope in NETWORKS[config.net].head_scopes]
    return [op for op in updates if not any(scope in op.name for scope in unused)]


def _minimise(optimizer, total, updates, global_step, num_batches):
    """The ops that accumulate a batch (None for one batch a step) and that move the weights."""
    gradients = [(g, v) for g, v in optimizer.compute_gradients(total) if g is not None]
    if num_batches == 1:
        with tf.control_dependencies(updates):
            return None, optimizer.apply_gradients(gradients, global_step)
    sums = [
        tf.Variable(tf.zeros(v.shape), trainable=False, collections=[tf.GraphKeys.LOCAL_VARIABLES])
        for _, v in gradients
    ]
    with tf.control_dependencies(updates):
        accumulate = tf.group(*[s.assign_add(g) for s, (g, _) in zip(sums, gradients)])
    means = [(s / num_batches, v) for s, (_, v) in zip(sums, gradients)]
    with tf.control_dependencies([optimizer.apply_gradients(means, global_step)]):
        return accumulate, tf.group(*[s.assign(tf.zeros_like(s)) for s in sums])


def train(config):
    """Trains a run, or goes on with it, up to `config.train_iters` steps.

    Args:
      config: Config.

    Returns:
      dict from score to float, of the last step on the evaluation split.

    Raises:
      UserError: the settings do not fit the data set, the start weights or the run folder; an
        image can't be decoded; the loss is not finite.
      Interrupted: SIGINT or SIGTERM came, and the state was saved.
    """
    stored = run_dir.inspect(config.run_dir, config.on_exist)
    changes = preflight.changes_since(stored, config)
    dataset = preflight.load_dataset(config, ["train", config.eval_split])
    num_classes = len(dataset.class_map.labels)
    preflight.check_class_count(config, num_classes)
    weights = None if stored else preflight.pretrained_path(config)
    train_list, eval_list = dataset.splits["train"], dataset.splits[config.eval_split]
    device = session_config(config.gpu)
    with tf.Graph().as_default():
        graph = build_train_graph(config, train_list, num_classes)
        eval_graph = evaluator.build_eval_graph(config, eval_list, num_classes, reuse=True)
        _open_run_folder(config, stored, dataset, changes)
        with tf.Session(config=device) as session:
            loop = TrainingLoop(config, session, graph, eval_graph, train_list, eval_list)
            loop.initialise(weights)
            scores = loop.run()
    rows = logs.read_metrics(config.run_dir)
    plots.learning_curves(os.path.join(config.run_dir, "curves.png"), rows)
    logs.stop_log()
    return scores


def _open_run_folder(config, stored, dataset, changes):
    """Makes the folder, writes what the run is, and starts its log."""
    folder, class_map = config.run_dir, dataset.class_map
    if stored:
        run_dir.check_classes(folder, class_map.labels, class_map.names)
    run_dir.make(folder, config.on_exist)
    run_dir.write_classes(folder, class_map.labels, class_map.names)
    counts = {split: len(image_list.files) for split, image_list in dataset.splits.items()}
    args = dict(
        dataclasses.asdict(config),
        class_map=class_map.digest,
        image_counts=counts,
        provenance=provenance(),
    )
    run_dir.write_json(os.path.join(folder, run_dir.ARGS_FILE), args)
    logs.start_log(os.path.join(folder, config.log_filename + ".txt"))
    for name, (before, now) in changes.items():
        logs.LOGGER.info("changed since the run began: --%s %s, before: %s", name, now, before)

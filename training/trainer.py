"""Trains a run, from the checks before it to the learning curves after it."""

import contextlib
import dataclasses
import functools
import os
import tempfile

from config.networks import NETWORKS
from config.recipes import RECIPE_SETTINGS
from evaluation import metrics, plots
from nets.heads import SCOPE as EMBEDDING_SCOPE
from pretrained import weights as weight_files
from training import advice, build, graphs, hooks, meeting, preflight, run_folder
from training.loop import TrainingLoop
from training.magnet_clusters import cluster_hooks
from training.replicas import Replicas
from training.watch import Watch
from utils import checkpoints, logs, run_dir
from utils.lock import unlock
from utils.tf1 import make_deterministic, open_session, tf


def train(config, cluster=None):
    """Trains or resumes a run, up to `config.train_iters` steps.

    Args:
      config: Config.
      cluster: config.cluster.Cluster, the machines that train together; default this one alone.

    Returns:
      Config of the run, with its evaluation split decided.

    Raises:
      UserError: the settings don't match the data set, the start weights, the run folder or the
        other machines; an image can't be decoded; the loss is not finite.
      Interrupted: a signal came, and the state was saved.
    """
    resumes = run_dir.exists(config.run_dir, config.on_exist)
    run_dir.check_kinds(config.run_dir, config.log_name)
    before, records, damaged = run_folder.read_run(config) if resumes else (None, {}, {})
    if before is not None and config.eval_split is None:
        config = dataclasses.replace(config, eval_split=before.eval_split)
    config = preflight.with_eval_split(config)
    before = before or config
    newest = checkpoints.last_whole(config.run_dir, before.checkpoint_name) if resumes else None
    done = checkpoints.step_of(newest) if newest else 0
    changes = preflight.changes_since(before, config, done) if resumes else {}
    splits = ["train", config.eval_split, preflight.final_split(config)]
    dataset = preflight.load_dataset(config, splits)
    if resumes:
        damaged[run_dir.CLASSES_FILE] = preflight.check_records(config, records, dataset)
    preflight.check_class_count(config, len(dataset.class_map.labels))
    weights = None if newest else preflight.pretrained_path(config)
    if config.on_exist == "overwrite":
        preflight.check_overwrite(config, weights)
    replicas = _open_devices(config, cluster, dataset, weights, done if resumes else None)
    with contextlib.ExitStack() as stack:
        start, restored = newest, None
        if newest is None and replicas.count > 1:
            opened = _start_of_one_device(config, dataset, weights)
            start, restored = stack.enter_context(opened)
        stack.enter_context(tf.Graph().as_default())
        stack.enter_context(replicas.strategy.scope())
        graph, eval_graph = _build_graphs(config, dataset, replicas)
        clean_up = functools.partial(unlock, config.run_dir)
        watch = stack.enter_context(Watch(cluster, config.join_timeout, clean_up))
        session = stack.enter_context(replicas.open_session())
        # Ends before the session closes, which waits long for processes that have left already.
        stack.push(watch)
        opened = run_folder.opened_run_folder(config, dataset, replicas.is_chief, newest, damaged)
        touch = stack.enter_context(opened)
        _log_start(config, changes, replicas)
        restored = _set_variables(session, graph, config, start, weights) or restored
        _log_restored(weights, restored)
        stack.enter_context(_logged_cache(config, dataset.splits["train"]))
        stack.callback(_log_bad_images, graph.bad_images)
        _run_loop(config, session, graph, eval_graph, dataset, touch, restored)
        replicas.agree(session, None)  # nobody leaves while others work
    if replicas.is_chief:
        rows = logs.read_metrics(config.run_dir)
        plots.learning_curves(os.path.join(config.run_dir, "curves.png"), rows)
    return config


def _open_devices(config, cluster, dataset, weights, steps_done):
    """The Replicas of a run, once its machines have met and compared what they do."""
    if config.deterministic:
        make_deterministic()
    if cluster is not None:
        about = meeting.in_common(config, dataset, weights, steps_done)
        meeting.meet(cluster, about, config.join_timeout)
    replicas = Replicas(config.gpu, cluster, config.precision, config.xla)
    preflight.check_replicas(config, replicas.count)
    return replicas


def _build_graphs(config, dataset, replicas):
    """The training graph, and the evaluation tower that shares its variables."""
    num_classes = len(dataset.class_map.labels)
    graph = graphs.build_train_graph(config, dataset.splits["train"], num_classes, replicas)
    eval_list = dataset.splits[config.eval_split]
    evaluation = graphs.build_eval_graph(
        config, eval_list, num_classes, reuse=True, replicas=replicas,
        averaged=bool(config.ema_decay),
    )  # fmt: skip
    return graph, evaluation


@contextlib.contextmanager
def _start_of_one_device(config, dataset, weights):
    """A checkpoint of the variables that a run on one device starts with.

    Yields:
      str, its prefix, and the pretrained.weights.RestoreReport of the start weights, or None.
    """
    num_classes = len(dataset.class_map.labels)
    with tempfile.TemporaryDirectory() as folder:
        with tf.Graph().as_default(), open_session("-1") as session:
            graph = graphs.build_train_graph(config, dataset.splits["train"], num_classes)
            restored = _set_variables(session, graph, config, None, weights)
            prefix = tf.train.Saver().save(session, os.path.join(folder, checkpoints.NAME))
        yield prefix, restored


def _log_start(config, changes, replicas):
    """What the log says about the settings of this start."""
    for name, (old, new) in changes.items():
        logs.LOGGER.info("changed since the start: --%s %s, before: %s", name, new, old)
    if config.recipe == "strong":
        shown = ", ".join(f"--{name} {getattr(config, name)}" for name in RECIPE_SETTINGS)
        logs.LOGGER.info("--recipe strong: %s", shown)
    if config.ema_decay:
        logs.LOGGER.info(
            "--ema_decay %g: scores are of averaged weights and batch-normalisation statistics",
            config.ema_decay,
        )
    parts = replicas.count * config.accumulate_batches
    if replicas.count > 1:
        logs.LOGGER.info(
            "%d replicas share each batch; batch-normalisation statistics are %s",
            replicas.count, "shared" if config.sync_bn else "those of each replica's part",
        )  # fmt: skip
    if config.mining == "batch" and parts > 1:
        logs.LOGGER.info(
            "--mining batch: the ranking loss compares the images of each of the %d"
            " parts of a step alone",
            parts,
        )
    elif config.mining == "step" and config.accumulate_batches > 1:
        logs.LOGGER.info(
            "--mining step: the ranking loss compares all images of the %d batches of"
            " a step, which takes one more forward pass of each",
            config.accumulate_batches,
        )


@contextlib.contextmanager
def _logged_cache(config, train_list):
    """Logs what a run's --cache should cost and gain, and at the end what it holds."""
    cache = build.cache_of(config)
    if cache is None:
        yield
        return
    logs.LOGGER.info(cache.estimate(train_list))
    try:
        yield
    finally:
        number, size = cache.size()
        logs.LOGGER.info("--cache %s: %d copies, %.0f MB", cache.folder, number, size / 1e6)


def _log_bad_images(bad_images):
    """Logs at the end how many images a run with --on_bad_image skip has left out."""
    if bad_images is not None and bad_images.reasons:
        logs.LOGGER.warning(
            "%d bad training images; others took their places %d times; python -m"
            " datasets_lists check finds all such files",
            len(bad_images.reasons), bad_images.num_replaced,
        )  # fmt: skip


def _set_variables(session, graph, config, checkpoint, weights):
    """Restores a checkpoint, or starts from `weights`, or from random values.

    Returns:
      pretrained.weights.RestoreReport of the start weights, or None.
    """
    restored = None
    graphs.start(session, graph)
    if checkpoint is not None:
        checkpoints.restore(tf.train.Saver(), session, checkpoint)
    elif weights is not None:
        heads = NETWORKS[config.net].head_scopes + (EMBEDDING_SCOPE,)
        restored = weight_files.restore(session, weights, tf.model_variables(), heads)
    done = int(session.run(graph.global_step))
    graphs.seek(session, graph, done * build.draws_per_step(config))
    return restored


def _log_restored(weights, restored):
    """What came from the start weights, if there are any."""
    if restored is None:
        return
    logs.LOGGER.info("weights from %s", weights)
    for line in restored.lines():
        logs.LOGGER.info("  %s", line)
    for layer in restored.layers_without_weights():
        logs.LOGGER.warning("  %s has statistics in this file but no weights", layer)


def _run_loop(config, session, graph, eval_graph, dataset, touch, restored):
    """Runs the loop with its hooks."""
    train_list, eval_list = dataset.splits["train"], dataset.splits[config.eval_split]
    columns = ["learning_rate", "images_per_second", *graph.terms]
    columns += [name for name in metrics.names_of(in_training=True) if name not in columns]
    done = int(session.run(graph.global_step))
    logs.LOGGER.info("%s: %d of %d steps done", config.run_dir, done, config.train_iters)
    is_chief = graph.replicas.is_chief
    saver = checkpoints.RunSaver(
        config.run_dir, config.checkpoint_name, config.keep_checkpoints,
        graph.replicas.own_copies(tf.global_variables()), is_chief,
    )  # fmt: skip
    with logs.MetricsLog(config.run_dir, columns, done) if is_chief else logs.NoLog() as table:
        log = hooks.Log(table)
        evaluation = hooks.Evaluation(eval_graph, eval_list, table, saver)
        seen = advice.seen_at_start(config, train_list.labels, eval_list.labels, restored)
        in_order = [
            log,
            *cluster_hooks(config, train_list, len(dataset.class_map.labels), graph.replicas),
            evaluation,
            hooks.Checkpoints(saver),
            advice.Advice(seen, log, evaluation, eval_graph, saver),
            hooks.Heartbeat(touch),
        ]
        session.graph.finalize()  # an op added in each step would fill the memory
        TrainingLoop(config, session, graph, train_list, in_order).run()

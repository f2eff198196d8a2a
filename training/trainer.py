"""Trains a run, from the checks before it to the learning curves after it."""

import contextlib
import dataclasses
import os

from config import stored
from config.datasets import DATASETS
from config.networks import NETWORKS
from data import lists
from evaluation import metrics, plots
from nets.heads import SCOPE as EMBEDDING_SCOPE
from pretrained import weights as weight_files
from training import graphs, hooks, preflight
from training.loop import TrainingLoop
from utils import checkpoints, logs, run_dir
from utils.lock import lock
from utils.provenance import provenance
from utils.tf1 import open_session, tf


def train(config):
    """Trains or resumes a run, up to `config.train_iters` steps.

    Args:
      config: Config.

    Returns:
      Config of the run, with its evaluation split decided.

    Raises:
      UserError: the settings don't match the data set, the start weights or the run folder; an
        image can't be decoded; the loss is not finite.
      Interrupted: a signal came, and the state was saved.
    """
    resumes = run_dir.exists(config.run_dir, config.on_exist)
    before, records = stored.read(config.run_dir) if resumes else (None, {})
    if resumes and config.eval_split is None:
        config = dataclasses.replace(config, eval_split=before.eval_split)
    config = preflight.with_eval_split(config)
    newest = checkpoints.last_whole(config.run_dir, before.checkpoint_name) if resumes else None
    done = checkpoints.step_of(newest) if newest else 0
    changes = preflight.changes_since(before, config, done) if resumes else {}
    splits = ["train", config.eval_split, preflight.final_split(config)]
    dataset = preflight.load_dataset(config, splits)
    if resumes:
        preflight.check_records(config, records, dataset)
    preflight.check_class_count(config, len(dataset.class_map.labels))
    weights = None if newest else preflight.pretrained_path(config)
    if config.on_exist == "overwrite":
        preflight.check_overwrite(config, weights)
    with tf.Graph().as_default():
        graph, eval_graph = _build_graphs(config, dataset)
        opened = open_session(config.gpu, config.precision, config.xla)
        with opened as session, _opened_run_folder(config, dataset) as touch:
            for name, (old, new) in changes.items():
                logs.LOGGER.info("changed since the start: --%s %s, before: %s", name, new, old)
            saver = checkpoints.RunSaver(
                config.run_dir, config.checkpoint_name, config.keep_checkpoints
            )
            if newest is None:
                _warn_of_lost_steps(config.run_dir)
            _set_variables(session, graph, config, saver, newest, weights)
            _run_loop(config, session, graph, eval_graph, dataset, saver, touch)
    rows = logs.read_metrics(config.run_dir)
    plots.learning_curves(os.path.join(config.run_dir, "curves.png"), rows)
    return config


def _build_graphs(config, dataset):
    """The training graph, and the evaluation tower that shares its variables."""
    num_classes = len(dataset.class_map.labels)
    graph = graphs.build_train_graph(config, dataset.splits["train"], num_classes)
    eval_list = dataset.splits[config.eval_split]
    return graph, graphs.build_eval_graph(config, eval_list, num_classes, reuse=True)


@contextlib.contextmanager
def _opened_run_folder(config, dataset):
    """Creates and locks the folder, writes its settings and opens its log; yields `touch`."""
    folder, class_map = config.run_dir, dataset.class_map
    run_dir.make(folder)
    with lock(folder) as touch:
        if config.on_exist == "overwrite":
            run_dir.clear(folder, config.log_name, config.checkpoint_name)
        run_dir.write_classes(folder, class_map.labels, class_map.names)
        settings = dict(dataclasses.asdict(config), provenance=provenance())
        settings.update(preflight.records_of(dataset))
        run_dir.write_json(os.path.join(folder, stored.ARGS_FILE), settings)
        with logs.logging_to(os.path.join(folder, config.log_name + ".txt")):
            for remark in config.remarks:
                logs.LOGGER.info(remark)
            _warn_of_shared_images(config, dataset)
            yield touch


def _warn_of_shared_images(config, dataset):
    """Warns if evaluated images are also trained on."""
    held_out = DATASETS[config.dataset].val_is_held_out
    splits = [name for name in dataset.splits if name == "test" or (name == "val" and held_out)]
    count, example = lists.shared_files(dataset, splits)
    if count:
        logs.LOGGER.warning(
            "%d images of the training list are also in an evaluation list, such as %s; their"
            " scores don't carry over to new images", count, example,
        )  # fmt: skip


def _warn_of_lost_steps(folder):
    """A run that was killed before its first checkpoint, or whose checkpoints are gone."""
    rows = logs.read_metrics(folder)
    if rows:
        logs.LOGGER.warning(
            "%s holds no checkpoint, though its metrics reach step %s: it begins again at step 0",
            folder, rows[-1]["step"],
        )  # fmt: skip


def _set_variables(session, graph, config, saver, newest, weights):
    """Restores the newest checkpoint, or starts from `weights`, or from random values."""
    graphs.start(session, graph)
    if newest is not None:
        checkpoints.restore(saver.last, session, newest)
    elif weights is not None:
        _restore_pretrained(session, config, weights)
    done = int(session.run(graph.global_step))
    graphs.seek(session, graph, done * config.accumulate_batches)
    logs.LOGGER.info("%s: %d of %d steps done", config.run_dir, done, config.train_iters)


def _restore_pretrained(session, config, weights):
    heads = NETWORKS[config.net].head_scopes + (EMBEDDING_SCOPE,)
    report = weight_files.restore(session, weights, tf.model_variables(), heads)
    logs.LOGGER.info("weights from %s", weights)
    for line in report.lines():
        logs.LOGGER.info("  %s", line)
    for layer in report.layers_without_weights():
        logs.LOGGER.warning("  %s has statistics in this file but no weights", layer)


def _run_loop(config, session, graph, eval_graph, dataset, saver, touch):
    """Runs the loop with its hooks."""
    train_list, eval_list = dataset.splits["train"], dataset.splits[config.eval_split]
    columns = ["learning_rate", "images_per_second", *graph.terms]
    columns += [name for name in metrics.names_of(in_training=True) if name not in columns]
    done = int(session.run(graph.global_step))
    with logs.MetricsLog(config.run_dir, columns, done) as table:
        log = hooks.Log(table)
        in_order = [
            log,
            hooks.Evaluation(eval_graph, eval_list, table, saver),
            hooks.Checkpoints(saver),
            hooks.Advice(log, eval_graph),
            hooks.Heartbeat(touch),
        ]
        TrainingLoop(config, session, graph, train_list, in_order).run()

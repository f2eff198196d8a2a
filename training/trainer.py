"""A run from the checks before it to the curves after it."""

import dataclasses
import os

from evaluation import plots
from training import build, preflight
from training.loop import TrainingLoop
from utils import logs, run_dir
from utils.provenance import provenance
from utils.tf1 import session_config, tf


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
        graph = build.build_train_graph(config, train_list, num_classes)
        eval_graph = build.build_eval_graph(config, eval_list, num_classes, reuse=True)
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

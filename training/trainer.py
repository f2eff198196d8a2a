"""A run from the checks before it to the curves after it."""

import dataclasses
import os

from config import stored
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
      Config of the run, with its evaluation split decided.

    Raises:
      UserError: the settings do not fit the data set, the start weights or the run folder; an
        image can't be decoded; the loss is not finite.
      Interrupted: SIGINT or SIGTERM came, and the state was saved.
    """
    resumes = run_dir.exists(config.run_dir, config.on_exist)
    before = stored.read(config.run_dir)[0] if resumes else None
    if resumes and config.eval_split is None:
        config = dataclasses.replace(config, eval_split=before.eval_split)
    config = preflight.with_eval_split(config)
    changes = preflight.changes_since(before, config) if resumes else {}
    splits = ["train", config.eval_split, preflight.final_split(config)]
    dataset = preflight.load_dataset(config, splits)
    num_classes = len(dataset.class_map.labels)
    preflight.check_class_count(config, num_classes)
    weights = None if resumes else preflight.pretrained_path(config)
    train_list, eval_list = dataset.splits["train"], dataset.splits[config.eval_split]
    device = session_config(config.gpu)
    with tf.Graph().as_default():
        graph = build.build_train_graph(config, train_list, num_classes)
        eval_graph = build.build_eval_graph(config, eval_list, num_classes, reuse=True)
        _open_run_folder(config, resumes, dataset, changes)
        with tf.Session(config=device) as session:
            loop = TrainingLoop(config, session, graph, eval_graph, train_list, eval_list)
            loop.initialise(weights)
            loop.run()
    rows = logs.read_metrics(config.run_dir)
    plots.learning_curves(os.path.join(config.run_dir, "curves.png"), rows)
    logs.stop_log()
    return config


def _open_run_folder(config, resumes, dataset, changes):
    """Makes the folder, writes what the run is, and starts its log."""
    folder, class_map = config.run_dir, dataset.class_map
    if resumes:
        run_dir.check_classes(folder, class_map.labels, class_map.names)
    if config.on_exist == "overwrite":
        run_dir.clear(folder, config.log_name, config.checkpoint_name)
    run_dir.make(folder)
    run_dir.write_classes(folder, class_map.labels, class_map.names)
    counts = {split: len(image_list.files) for split, image_list in dataset.splits.items()}
    args = dict(
        dataclasses.asdict(config),
        class_map=class_map.digest,
        image_counts=counts,
        provenance=provenance(),
    )
    run_dir.write_json(os.path.join(folder, stored.ARGS_FILE), args)
    logs.start_log(os.path.join(folder, config.log_name + ".txt"))
    for name, (before, now) in changes.items():
        logs.LOGGER.info("changed since the run began: --%s %s, before: %s", name, now, before)

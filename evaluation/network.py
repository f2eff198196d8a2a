"""Runs a network over lists of images, and keeps its outputs."""

import os

import numpy as np

from evaluation import files as eval_files
from evaluation import outputs, spaces
from training import build, graphs
from utils import checkpoints, logs
from utils.errors import UserError
from utils.tf1 import open_session, tf


def run_network(session, graph, image_list, is_stopped=lambda: False, start=None):
    """Runs every image of a split through the network, once.

    Args:
      session: tf.Session, with the network's variables.
      graph: EvalGraph.
      image_list: data.lists.ImageList.
      is_stopped: function without arguments, called after each batch; True ends the pass.
      start: op that begins the pass; default that of the list which the graph was built for.

    Returns:
      None if the pass was stopped, else dict from name to array: `labels` int32 [N], `logits`
      float32 [N, C] (not for unseen classes), `pooled` float32 [N, F], `embeddings` float32 [N, D]
      with rows of unit norm (the pooled ones for a run without that head).

    Raises:
      UserError: an image can't be decoded.
    """
    tensors = {name: getattr(graph, name) for name in outputs.names_of(image_list)}
    fetches = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    session.run(start or graph.start)
    parts = []
    size = len(image_list.files)
    for _ in range(-(-size // graph.batch_size)):
        if is_stopped():
            return None
        try:
            parts.append(session.run(fetches))
        except tf.errors.OpError as error:
            done = sum(len(part["labels"]) for part in parts)
            build.raise_unreadable(error, image_list.paths[done:], graph.augmentation)
            raise
    # The last batch of several replicas is filled up.
    arrays = {name: np.concatenate([part[name] for part in parts])[:size] for name in fetches}
    arrays.setdefault("embeddings", spaces.unit_rows(arrays["pooled"]))
    return arrays


def outputs_of(config, prefix, dataset, batch_size=None, scored=None):
    """The network's outputs for lists of a run, from storage if possible, else computed.

    New outputs are stored in eval/cache/ of the run folder.

    Args:
      config: Config of the run.
      prefix: str, the checkpoint's.
      dataset: data.lists.Dataset, whose splits are the lists.
      batch_size: int, default the run's.
      scored: str, a split that the caller stores with its evaluation instead.

    Returns:
      dict from split to dict of arrays, see `run_network`, and dict from split to identity, see
      `outputs.identity_of`.

    Raises:
      UserError: the checkpoint does not match or is damaged, an image can't be decoded, or the run
        folder can't be written.
    """
    folder = os.path.join(config.run_dir, "eval")
    step, lists = step_of(prefix), dataset.splits
    settings = [str(build.augmentation_of(config))]
    settings += [config.net, config.depth_multiplier, config.feature_map]
    settings += [config.emb_dim, config.emb_pool]
    identities = {
        split: outputs.identity_of(prefix, step, image_list, settings)
        for split, image_list in lists.items()
    }
    found = {}
    for split, identity in identities.items():
        arrays, path = outputs.find(folder, identity, outputs.names_of(lists[split]))
        if arrays is not None:
            found[split] = arrays
            logs.LOGGER.info("%s list: reusing the network's outputs from %s", split, path)
    missing = {split: image_list for split, image_list in lists.items() if split not in found}
    if missing:
        num_classes = len(dataset.class_map.labels)
        found.update(_restore_and_run(config, prefix, missing, num_classes, batch_size))
    suffix = "-best" if is_best(config, prefix) else ""
    for split in set(missing) - {scored}:
        path = os.path.join(folder, outputs.CACHE, f"{split}{suffix}.npz")
        with eval_files.writing(folder):
            outputs.save(path, found[split], lists[split].files, identities[split])
    return found, identities


def _restore_and_run(config, prefix, lists, num_classes, batch_size):
    """Runs a checkpoint over lists."""

    def restore(session):
        checkpoints.restore(tf.train.Saver(), session, prefix)

    found = run_lists(config, restore, lists, num_classes, batch_size)
    outputs_of_all = (values for arrays in found.values() for values in arrays.values())
    if not all(np.isfinite(values).all() for values in outputs_of_all):
        raise UserError(f"{prefix} gives outputs that are not finite; choose another --checkpoint")
    return found


def run_lists(config, restore, lists, num_classes, batch_size=None):
    """Runs the network over lists; no batch spans two, so each list's outputs are its own.

    Args:
      config: Config.
      restore: function that sets the variables of a tf.Session.
      lists: dict from name to data.lists.ImageList.
      num_classes: int, C.
      batch_size: int, default the run's.

    Returns:
      dict from name to dict of arrays, see `run_network`.

    Raises:
      UserError: an image can't be decoded.
    """
    with tf.Graph().as_default():
        first = next(iter(lists.values()))
        graph = graphs.build_eval_graph(config, first, num_classes, batch_size)
        starts = {
            split: graph.iterators[0].make_initializer(
                build.eval_input(config, image_list, batch_size)
            )
            for split, image_list in lists.items()
        }
        with open_session(config.gpu) as session:
            restore(session)
            return {
                split: run_network(session, graph, image_list, start=starts[split])
                for split, image_list in lists.items()
            }


def step_of(prefix):
    """The step of a checkpoint, int."""
    return int(checkpoints.open_reader(prefix)[1]("global_step"))


def is_best(config, prefix):
    """Whether a checkpoint of a run is its best one, not one of the newest."""
    return os.path.dirname(os.path.relpath(prefix, config.run_dir)) == checkpoints.BEST

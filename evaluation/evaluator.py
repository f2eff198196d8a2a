"""Evaluates a run: the network's outputs for a split, then scores, files and plots."""

import dataclasses
import os

import numpy as np

from config import stored
from evaluation import files as eval_files
from evaluation import outputs, scoring, spaces
from training import build, graphs, preflight
from utils import checkpoints, logs, run_dir
from utils.errors import UserError
from utils.provenance import differences, provenance
from utils.tf1 import open_session, tf

# The final evaluations of main.py: checkpoint, and folder under eval/ with the split's name.
FINAL_EVALUATIONS = (("best", "{}-best"), ("last", "{}"))
# Value of --embedding -> space.
EMBEDDINGS = {"head": "embedding", "pooled": "pooled", "both": "both"}
_WORDS = {space: word for word, space in EMBEDDINGS.items()}

evaluate = scoring.in_training


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
    names = ("labels", "pooled") + ("logits",) * (not image_list.unseen)
    names += ("embeddings",) * (graph.embeddings is not None)
    fetches = {name: getattr(graph, name) for name in names}
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


def evaluate_run(
    folder,
    split,
    checkpoint="last",
    embedding=None,
    batch_size=None,
    overrides=None,
    out=None,
    num_neighbours=scoring.NUM_NEIGHBOURS,
):
    """Evaluates a checkpoint of a run and writes eval/<out>/ into its folder.

    Args:
      folder: str, the run folder.
      split: str.
      checkpoint: str, "last", "best" or a checkpoint's prefix.
      embedding: a key of `EMBEDDINGS`; default the head, and pooled for a run without that head.
      batch_size: int, default the run's.
      overrides: dict from setting to value, such as a new location of the data set.
      out: str, default the split.
      num_neighbours: int, how many neighbours vote on a class.

    Returns:
      dict, the content of metrics.json.

    Raises:
      UserError: the run, the checkpoint or the data set is missing or does not match, or the run
        folder can't be written.
    """
    config, records = stored.read(folder)
    config = dataclasses.replace(config, **overrides or {})
    own = _space_of(config, embedding)
    prefix = checkpoints.find(folder, checkpoint, config.checkpoint_name)
    held_out = _held_out_split(config, split)
    dataset = preflight.load_dataset(config, {split, "train", held_out or split})
    classes, image_list = dataset.class_map, dataset.splits[split]
    class_names = dataset.names_of(split)
    run_dir.check_classes(folder, classes.labels, classes.names)
    for difference in _differences(config, records, dataset):
        logs.LOGGER.warning("%s: the scores may differ from those of the run", difference)
    dataset = without_bad_images(config, dataset, split)
    target = os.path.join(folder, "eval", out or split)
    eval_files.make_folder(target)
    needed = needed_lists(dataset, split)
    found, identities = outputs_of(config, prefix, needed, batch_size, scored=split)
    space_names = spaces.names_of(config.emb_dim is not None)
    if image_list.unseen:
        scores, nearest = scoring.score_unseen(
            found[split], space_names, own, num_neighbours, config.seed
        )
    else:
        held_out = _held_out(found, dataset, held_out) if held_out in found else None
        scores, nearest = scoring.score(
            _outputs(found, dataset, split), found["train"], held_out, space_names, own,
            num_neighbours, config.seed,
        )  # fmt: skip
    about = _about(config, prefix, dataset, split)
    report = dict(scores, **about, embedding=_WORDS[own])
    eval_files.write_scores(
        target, report, found[split], image_list.files, class_names, identities[split]
    )
    vectors = spaces.vectors_of(found[split], own)
    eval_files.draw_pictures(
        target, found[split], vectors, nearest, image_list, class_names, config.seed,
        config.max_megapixels,
    )  # fmt: skip
    return report


def needed_lists(dataset, split):
    """The lists whose outputs the scores of a split need.

    Args:
      dataset: data.lists.Dataset.
      split: str.

    Returns:
      data.lists.Dataset with that list alone if its classes are unseen, else with all lists of
      known classes.
    """
    is_unseen = bool(dataset.splits[split].unseen)
    names = {split} if is_unseen else {n for n, s in dataset.splits.items() if not s.unseen}
    return dataset._replace(splits={n: s for n, s in dataset.splits.items() if n in names})


def _differences(config, records, dataset):
    """How data, code and TensorFlow differ from those that a run stored: list of str."""
    now, before = preflight.records_of(dataset)["lists"], records.get("lists", {})
    found = [
        f"the {split} list is not the one that the run was trained with"
        for split in sorted(now)
        if before.get(split, now[split]) != now[split]
    ]
    return found + differences(records.get("provenance", {}), provenance(config.gpu))


def without_bad_images(config, dataset, split):
    """The data set as a run with --on_bad_image skip compares with it.

    Args:
      config: Config of the run.
      dataset: data.lists.Dataset.
      split: str, the scored one, of which every image counts.

    Returns:
      data.lists.Dataset, whose training list lacks the bad images.
    """
    bad_images = build.bad_images_of(config, dataset.splits["train"])
    if bad_images is None or split == "train":
        return dataset
    return dataset._replace(splits=dict(dataset.splits, train=bad_images.others()))


def final_reports(config, split):
    """The evaluations that a run ends with; a best checkpoint that is lost costs a warning.

    Args:
      config: Config of the run.
      split: str.

    Yields:
      dict, see `evaluate_run`.
    """
    for checkpoint, out in FINAL_EVALUATIONS:
        try:
            checkpoints.find(config.run_dir, checkpoint, config.checkpoint_name)
        except UserError as error:
            if checkpoint != checkpoints.BEST:
                raise
            logs.LOGGER.warning("%s", error)
            continue
        yield evaluate_run(config.run_dir, split, checkpoint, out=out.format(split))


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
    step, lists = _step_of(prefix), dataset.splits
    settings = [str(build.augmentation_of(config))]
    settings += [config.net, config.depth_multiplier, config.feature_map]
    settings += [config.emb_dim, config.emb_pool]
    identities = {
        split: outputs.identity_of(prefix, step, image_list, settings)
        for split, image_list in lists.items()
    }
    found = {}
    for split, identity in identities.items():
        is_unseen = lists[split].unseen
        names = [name for name in outputs.NAMES if name != "logits" or not is_unseen]
        arrays, path = outputs.find(folder, identity, names)
        if arrays is not None:
            found[split] = arrays
            logs.LOGGER.info("%s list: reusing the network's outputs from %s", split, path)
    missing = {split: image_list for split, image_list in lists.items() if split not in found}
    if missing:
        num_classes = len(dataset.class_map.labels)
        found.update(_restore_and_run(config, prefix, missing, num_classes, batch_size))
    suffix = "-best" if _is_best(config, prefix) else ""
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


def _held_out_split(config, split):
    """The list for choosing temperature and weight; None if there is none besides `split`."""
    chosen = preflight.with_eval_split(dataclasses.replace(config, eval_split=None)).eval_split
    return None if chosen in ("test", split) else chosen


def _outputs(found, dataset, split):
    rows = {os.path.normpath(path): i for i, path in enumerate(dataset.splits["train"].paths)}
    paths = dataset.splits[split].paths
    own = np.array([rows.get(os.path.normpath(path), -1) for path in paths], np.int64)
    return scoring.Outputs(found[split], own)


def _held_out(found, dataset, split):
    """The scoring.HeldOut of a split; None if it shares an image with the training list."""
    held_out = _outputs(found, dataset, split)
    return None if np.any(held_out.rows_in_training >= 0) else scoring.HeldOut(split, held_out)


def _about(config, prefix, dataset, split):
    """The entries of a report that describe the evaluation itself."""
    return {
        "split": split,
        "num_images": len(dataset.splits[split].files),
        "num_classes": len(dataset.class_map.labels),
        "unseen_classes": len(dataset.splits[split].unseen),
        "checkpoint": os.path.relpath(prefix, config.run_dir),
        "step": _step_of(prefix),
        "chosen_on": config.eval_split if _is_best(config, prefix) else None,
        "class_map": dataset.class_map.digest,
    }


def _step_of(prefix):
    return int(checkpoints.open_reader(prefix)[1]("global_step"))


def _is_best(config, prefix):
    return os.path.dirname(os.path.relpath(prefix, config.run_dir)) == checkpoints.BEST


def _space_of(config, embedding):
    """The space for a value of --embedding; default the head's, or pooled for a vanilla run."""
    has_head = config.emb_dim is not None
    if embedding is None:
        return "embedding" if has_head else "pooled"
    if embedding != "pooled" and not has_head:
        raise UserError(
            f"--embedding {embedding}: a vanilla run has no embedding head; leave it out, or choose"
            " pooled"
        )
    return EMBEDDINGS[embedding]

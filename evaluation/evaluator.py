"""Evaluates a run: the network's outputs for a split, then scores, files and plots."""

import dataclasses
import os

import numpy as np

from config import stored
from evaluation import files as eval_files
from evaluation import network, scoring, spaces
from training import build, preflight
from utils import checkpoints, logs, run_dir
from utils.errors import UserError
from utils.provenance import differences, provenance

# The final evaluations of main.py: checkpoint, and folder under eval/ with the split's name.
FINAL_EVALUATIONS = (("best", "{}-best"), ("last", "{}"))
# Value of --embedding -> space.
EMBEDDINGS = {"head": "embedding", "pooled": "pooled", "both": "both"}
_WORDS = {space: word for word, space in EMBEDDINGS.items()}


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
    found, identities = network.outputs_of(config, prefix, needed, batch_size, scored=split)
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
        "step": network.step_of(prefix),
        "chosen_on": config.eval_split if network.is_best(config, prefix) else None,
        "class_map": dataset.class_map.digest,
    }


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

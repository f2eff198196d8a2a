"""Checks before a run: its data set, its start weights and its folder."""

import dataclasses
import os

from config import stored
from config.base_config import SETTINGS
from config.datasets import DATASETS, UNSEEN_FOLDER
from config.networks import NETWORKS, checkpoint_name
from data import digits, lists
from data.subsets import long_tail, shots
from pretrained import weights as weight_files
from utils import run_dir
from utils.errors import UserError


def check_dataset_folder(config):
    """Checks that a run's data set exists; writes the digits if they are missing.

    Raises:
      UserError: it is not at the configured path.
    """
    spec, root = DATASETS[config.dataset], config.dataset_dir
    if config.dataset == "digits":
        digits.write(root)
    if not os.path.isdir(root):
        origin = "--dataset_path" if spec.folder is None else config.path_origins["datasets_dir"]
        raise UserError(
            f"there is no folder {root} of {spec.title} (path from {origin});"
            f" to get it: {spec.source}"
        )
    needs_lists = spec.folder is not None or not _has_usual_lists(config)
    if needs_lists and not lists.has_lists(root, config.lists_folder):
        raise UserError(
            f"{root} of {spec.title} has no folder {config.lists_folder}; {_how_to_make(config)}"
        )


def _has_usual_lists(config):
    return config.lists_folder == SETTINGS["lists_folder"].default


def _how_to_make(config):
    """What creates the lists of a run, for an error message."""
    command = f"python -m datasets_lists make {config.dataset}"
    if config.dataset == "digits":
        return "it has no other lists than its usual ones, so leave --lists_folder out"
    if _has_usual_lists(config):
        return f"{command} creates it from the official files"
    path = f" --dataset_path {config.dataset_path}" if config.dataset_path else ""
    return f"{command}{path} --split unseen creates {UNSEEN_FOLDER}"


def with_eval_split(config):
    """Chooses the evaluation split if the settings don't.

    Returns:
      Config, with `eval_split` "val" if there is a validation list that shares no image with the
      training list, else "test".

    Raises:
      UserError: the data set is not at the configured path.
    """
    check_dataset_folder(config)
    if config.eval_split is not None:
        return config
    splits = lists.splits_of(config.dataset_dir, config.lists_folder)
    has_val = val_is_held_out(config) and "val" in splits
    return dataclasses.replace(config, eval_split="val" if has_val else "test")


def val_is_held_out(config):
    """Whether a validation list of the run's would share no image with the training list."""
    return DATASETS[config.dataset].val_is_held_out or not _has_usual_lists(config)


def final_split(config):
    """The split of the final evaluation: "test", or the evaluation split if there is no test."""
    if config.final_split is not None:
        return config.final_split
    has_test = "test" in lists.splits_of(config.dataset_dir, config.lists_folder)
    return "test" if has_test else with_eval_split(config).eval_split


def load_dataset(config, splits):
    """Loads the data set of a run.

    Args:
      config: Config.
      splits: iterable of str.

    Returns:
      data.lists.Dataset.

    Raises:
      UserError: it is not at the configured path, or its lists are wrong.
    """
    check_dataset_folder(config)
    image_folders = DATASETS[config.dataset].image_folders
    dataset = lists.load(config.dataset_dir, splits, image_folders, config.lists_folder)
    train = dataset.splits.get("train")
    if train is None:
        return dataset
    if config.imbalance_ratio > 1:
        train = long_tail(train, config.imbalance_ratio)
    if config.shots:
        train = shots(train, config.shots, config.seed)
    return dataset._replace(splits=dict(dataset.splits, train=train))


def check_class_count(config, num_classes):
    """Refuses batches with more classes than the data set has.

    Raises:
      UserError: P is larger than C.
    """
    if config.sampler != "pk":
        return
    classes_per_batch = config.batch_size // config.images_per_class
    if classes_per_batch > num_classes:
        raise UserError(
            f"--batch_size {config.batch_size} with --images_per_class"
            f" {config.images_per_class} needs {classes_per_batch} classes per batch, but"
            f" {config.dataset} has {num_classes}"
        )


def pretrained_path(config):
    """Finds the weights to start from.

    Returns:
      str, a checkpoint's prefix or an .npz; None for random weights.

    Raises:
      UserError: they are missing or can't be read.
    """
    if config.pretrained == "none":
        return None
    network = NETWORKS[config.net]
    checkpoint = network.checkpoints[config.depth_multiplier]
    path = os.path.join(config.pretrained_dir, checkpoint.path)
    if config.pretrained is not None:
        path = os.path.abspath(os.path.expanduser(config.pretrained))
    elif not os.path.exists(path + ".index") and not os.path.exists(path):
        raise UserError(_missing_checkpoint(config, network, checkpoint, path))
    shapes, _ = weight_files.open_weights(path)
    if not any(name.startswith(network.scope + "/") for name in shapes):
        raise UserError(
            f"{path} is not of --net {config.net}: it holds {weight_files.scopes_of(shapes)}, not"
            f" {network.scope}"
        )
    return path


def _missing_checkpoint(config, network, checkpoint, path):
    """The error message for a missing checkpoint: where it should be and how to get it."""
    origin = config.path_origins["pretrained_dir"]
    name = checkpoint_name(config.net, config.depth_multiplier)
    folder = f" --pretrained_dir {config.pretrained_dir}" if origin.startswith("--") else ""
    gets = "downloads it from" if checkpoint.is_open else "explains where to put it; get it from"
    return (
        f"there is no checkpoint {path} of {network.title} (path from {origin});"
        f" python -m pretrained {name}{folder} {gets} {checkpoint.source}, or start without:"
        " --pretrained none"
    )


def check_overwrite(config, weights):
    """Refuses to overwrite a folder that is not a run's, or that holds the start weights.

    Args:
      config: Config, whose --on_exist is "overwrite".
      weights: str, the weights to start from, or None.

    Raises:
      UserError: it is such a folder.
    """
    if os.path.exists(os.path.join(config.run_dir, stored.ARGS_FILE)):
        stored.refuse_foreign(config.run_dir)
    folders = [os.path.realpath(os.path.join(config.run_dir, name)) for name in ("", "best")]
    if weights is not None and os.path.realpath(os.path.dirname(weights)) in folders:
        raise UserError(
            f"--pretrained {weights} lies in the run folder that --on_exist overwrite would empty;"
            " move it first, or choose another --run_dir"
        )


def records_of(dataset):
    """What a run stores about its data set, to compare when it is resumed.

    Args:
      dataset: data.lists.Dataset.

    Returns:
      dict with `class_map`, a digest; `image_counts` and `lists`, from split to number of images
      and to digest.
    """
    return {
        "class_map": dataset.class_map.digest,
        "image_counts": {name: len(split.files) for name, split in dataset.splits.items()},
        "lists": {name: lists.digest_of(split) for name, split in dataset.splits.items()},
    }


def check_records(config, records, dataset):
    """Compares the data set with the one that a run started with.

    Args:
      config: Config.
      records: dict, what the run stored, see `records_of`.
      dataset: data.lists.Dataset.

    Returns:
      str, what is wrong with classes.csv alone, where the other records show that the classes are
      the same; or None.

    Raises:
      UserError: its classes or lists have changed.
    """
    class_map, damage = dataset.class_map, None
    try:
        run_dir.check_classes(config.run_dir, class_map.labels, class_map.names)
    except UserError as error:
        if records.get("class_map") != class_map.digest:
            raise
        damage = str(error)
    now = records_of(dataset)
    for split, digest in records.get("lists", {}).items():
        if now["lists"].get(split, digest) != digest:
            before = records.get("image_counts", {}).get(split, "?")
            raise UserError(
                f"the {split} list is not the one that the run {config.run_dir} started with"
                f" ({before} images then, {now['image_counts'][split]} now, or different files or"
                " labels); restore it, or choose another --run_dir"
            )
    return damage


def check_replicas(config, count):
    """Refuses batches that the replicas can't share evenly.

    Args:
      config: Config.
      count: int, N, the number of replicas.

    Raises:
      UserError: B is not a multiple of N, or, for P x K batches, of N * K; or a replica's part has
        no negatives and is mined alone; or each would have a memory of its own.
    """
    if count == 1:
        return
    if config.memory and config.mining == "batch":
        raise UserError(f"--memory on {count} replicas needs --mining step, which fills one memory")
    unit = count * (config.images_per_class or 1)
    if config.mining == "batch" and config.images_per_class:
        unit *= 2  # two classes on each replica
    if config.batch_size % unit:
        lower = config.batch_size // unit * unit
        sizes = f"{lower} or {lower + unit}" if lower else str(unit)
        raise UserError(
            f"--batch_size {config.batch_size} can't be shared evenly by {count} replicas"
            f"{', whole classes to each' if config.images_per_class else ''}; choose {sizes}"
        )


def changes_since(before, config, steps_done):
    """The settings that differ from those of the run to resume.

    Args:
      before: Config of the run so far.
      config: Config.
      steps_done: int.

    Returns:
      dict from name to (value before, value now).

    Raises:
      UserError: some would make it a different experiment, or shorter than it already is.
    """
    pairs = {name: (getattr(before, name), getattr(config, name)) for name in SETTINGS}
    changes = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    refused = [name for name in changes if not SETTINGS[name].metadata.get("resumable")]
    if refused:
        listed = ", ".join("--{} {}, not {}".format(name, *changes[name]) for name in refused)
        raise UserError(
            f"the run folder {config.run_dir} was made with {listed}; choose another --run_dir or"
            " --run_suffix, or --on_exist overwrite"
        )
    if config.train_iters < steps_done:
        raise UserError(
            f"--train_iters {config.train_iters} is less than the {steps_done} steps that the run"
            f" {config.run_dir} has done; choose a larger one"
        )
    return changes

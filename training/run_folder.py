"""Opens the folder of a run: reads what an earlier start left, locks it, writes its settings."""

import contextlib
import dataclasses
import os

from config import stored
from data import lists
from training import hooks, preflight
from utils import logs, run_dir
from utils.lock import lock
from utils.provenance import provenance


def read_run(config):
    """Reads the settings of the run to resume.

    Args:
      config: Config of the command line.

    Returns:
      Config of the run, None if its args.json is damaged: then those of the command line are used;
      dict, its records; and dict from a damaged file's name to str, what is wrong with it.

    Raises:
      UserError: another version made the run.
    """
    try:
        return (*stored.read(config.run_dir), {})
    except stored.DamagedError as error:
        text = f"{error}; the settings of the command line are used and can't be compared with it"
        return None, {}, {stored.ARGS_FILE: text}


@contextlib.contextmanager
def opened_run_folder(config, dataset, is_chief, newest, damaged):
    """Creates and locks the folder, writes its settings and opens its log.

    Args:
      config: Config.
      dataset: data.lists.Dataset.
      is_chief: bool, whether this machine writes the folder; the others do nothing.
      newest: str, the checkpoint to resume from, or None.
      damaged: dict from a file's name to str, what is wrong with it, or None.

    Yields:
      Function without arguments, see `utils.lock.lock`.
    """
    if not is_chief:
        yield lambda: None
        return
    folder, class_map = config.run_dir, dataset.class_map
    run_dir.make(folder)
    with lock(folder) as touch:
        if config.on_exist == "overwrite":
            run_dir.clear(folder, config.log_name, config.checkpoint_name)
        kept = _keep_damaged(folder, damaged)
        run_dir.write_classes(folder, class_map.labels, class_map.names)
        settings = dict(dataclasses.asdict(config), provenance=provenance(config.gpu))
        settings.update(preflight.records_of(dataset))
        run_dir.write_json(os.path.join(folder, stored.ARGS_FILE), settings)
        with logs.logging_to(os.path.join(folder, config.log_name + ".txt")):
            for text in kept:
                logs.LOGGER.warning(text)
            for remark in config.remarks:
                logs.LOGGER.info(remark)
            _warn_of_shared_images(config, dataset)
            _log_unseen(config, dataset)
            if newest is None:
                _warn_of_lost_steps(folder)
            yield touch


def _keep_damaged(folder, damaged):
    """Copies damaged files; list of str, what to log about each."""
    texts = []
    for name, reason in damaged.items():
        path = os.path.join(folder, name)
        if reason is not None:
            kept = f"it is kept as {run_dir.copy_damaged(path)}" if os.path.exists(path) else ""
            texts.append(f"{reason}; {kept or 'it is written anew'}")
    return texts


def _warn_of_shared_images(config, dataset):
    """Warns if evaluated images are also trained on."""
    held_out = preflight.val_is_held_out(config)
    splits = [name for name in dataset.splits if name == "test" or (name == "val" and held_out)]
    count, example = lists.shared_files(dataset, splits)
    if count:
        logs.LOGGER.warning(
            "%d images of the training list are also in an evaluation list, such as %s; their"
            " scores don't carry over to new images", count, example,
        )  # fmt: skip


def _log_unseen(config, dataset):
    """Names the lists that are searched only, and what then chooses the best checkpoint."""
    unseen = [split for split, image_list in dataset.splits.items() if image_list.unseen]
    if not unseen:
        return
    text = f"no class of the {' or '.join(sorted(unseen))} list is in training: only retrieval,"
    text += " clustering and neighbours are scored"
    if config.eval_split in unseen:
        text += f", and the best checkpoint is the one with the highest {hooks.UNSEEN_SCORE}"
    logs.LOGGER.info(text)


def _warn_of_lost_steps(folder):
    """A run that was killed before its first checkpoint, or whose checkpoints are gone."""
    rows = logs.read_metrics(folder)
    if rows:
        logs.LOGGER.warning(
            "%s holds no checkpoint, though its metrics reach step %s: it begins again at step 0",
            folder, rows[-1]["step"],
        )  # fmt: skip

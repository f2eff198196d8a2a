"""The state of each cell: done, partly done, to do, not possible, or failed."""

import os
import statistics
from typing import NamedTuple, Optional

from config import stored
from config.base_config import SETTINGS
from data.subsets import imbalance_of
from reproduction import reports
from training import preflight
from utils import checkpoints, logs, run_dir
from utils.errors import UserError

DONE, PARTLY, OPEN, MISSING = "done", "partly done", "to do", "not possible"
OTHER, DAMAGED, FAILED = "another run", "damaged", "failed"
KINDS = (DONE, PARTLY, OPEN, MISSING, OTHER, DAMAGED, FAILED)
# Settings that don't affect results; folders and devices are left out by their group.
_WITHOUT_EFFECT = ("parallel_calls", "log_every_steps", "save_every_steps", "keep_checkpoints")
_GROUPS_WITHOUT_EFFECT = ("machine", "run folder")


class State(NamedTuple):
    """A cell's state.

    Attributes:
      kind: one of KINDS.
      steps: int, training steps done.
      reason: str, explanation unless it is done or simply to do.
      reports: dict from protocol to the report of its evaluation, if the cell is done.
      records: dict, what the run stored besides its settings.
      step_seconds: float, the median from its log; None without one.
      imbalance: float, images of the largest class of the training list over those of the
        smallest; None if the data set is not here.
    """

    kind: str
    steps: int = 0
    reason: str = ""
    reports: dict = {}
    records: dict = {}
    step_seconds: Optional[float] = None
    imbalance: Optional[float] = None


def states_of(cells, failures=None):
    """Determines the state of each cell; looks for each data set and checkpoint only once.

    Args:
      cells: list of reproduction.cells.Cell.
      failures: dict from run folder to the reason its run has just failed.

    Returns:
      list of State.
    """
    found = _Found()
    states = [_state_of(cell, found) for cell in cells]
    for i, cell in enumerate(cells):
        reason = (failures or {}).get(cell.config.run_dir)
        if reason and states[i].kind in (PARTLY, OPEN):
            states[i] = states[i]._replace(kind=FAILED, reason=reason)
    return states


def cells_to_do(cells, states):
    """List of the cells to run."""
    return [cell for cell, state in zip(cells, states) if state.kind in (PARTLY, OPEN)]


def exit_code(states):
    """The exit code of reproduce.py: 1 if something is wrong, 2 if nothing is possible."""
    kinds = {state.kind for state in states}
    if kinds & {OTHER, DAMAGED, FAILED}:
        return 1
    return 2 if kinds == {MISSING} else 0


def _state_of(cell, found):
    """The state of one cell; a damaged one does not stop the others."""
    lists, missing = found.lists(cell.config)
    imbalance = lists and lists.imbalance
    try:
        if not run_dir.exists(cell.config.run_dir, "resume"):
            return _state_before(cell, 0, missing, found)._replace(imbalance=imbalance)
        return _state_of_run(cell, lists, missing, found)._replace(imbalance=imbalance)
    except UserError as error:
        return State(DAMAGED, reason=str(error), imbalance=imbalance)


def _state_before(cell, steps, missing, found):
    """The state of a cell that still has to be trained from step `steps`, or evaluated."""
    missing = missing or ("" if steps else found.missing_weights(cell.config))
    if missing:
        return State(MISSING, steps, missing)
    return State(PARTLY if steps else OPEN, steps)


def _state_of_run(cell, lists, missing, found):
    config = cell.config
    before, records = stored.read(config.run_dir)
    seconds = _step_seconds(before)
    other = _other_settings(before, config) or _other_data(records, lists)
    if other:
        reason = f"{config.run_dir} {other}; move that folder away"
        return State(OTHER, reason=reason, records=records, step_seconds=seconds)
    known = reports.read(config)
    counts = lists.image_counts if lists else records.get("image_counts", {})
    class_map = lists.class_map if lists else records.get("class_map")
    reason = reports.first_misfit(known, config, counts, class_map)
    if not reason:
        return State(DONE, config.train_iters, "", known, records, seconds)
    state = _state_before(cell, _steps_done(before), missing, found)
    if state.kind != MISSING and len(known) == len(reports.protocols_of(config)):
        state = state._replace(reason=f"will be evaluated again: {reason}")
    return state._replace(records=records, step_seconds=seconds)


def _other_settings(before, config):
    """How the run's settings differ from the cell's; empty if they agree."""
    different = []
    for name, f in SETTINGS.items():
        if name in _WITHOUT_EFFECT or f.metadata["group"] in _GROUPS_WITHOUT_EFFECT:
            continue
        was, wanted = getattr(before, name), getattr(config, name)
        if was != wanted:
            different.append(f"--{name} {was}, not {wanted}")
    return "was run with " + ", ".join(different) if different else ""


def _other_data(records, lists):
    """How the run's data differ from the current lists; empty if they agree."""
    if lists is None:
        return ""
    for split, count in records.get("image_counts", {}).items():
        now = lists.image_counts.get(split, count)
        if count != now:
            return f"was run on a {split} list of {count} images, which now has {now}"
    if records.get("class_map", lists.class_map) != lists.class_map:
        return "was run with different classes from those of the training list"
    return ""


def _step_seconds(config):
    """Median seconds per step from a run's metrics.csv; None if it has not logged a step."""
    images = config.batch_size * config.accumulate_batches
    rows = [row for row in logs.read_metrics(config.run_dir) if int(row["step"]) > 1]
    speeds = [float(row.get("images_per_second") or 0) for row in rows]
    found = [images / speed for speed in speeds if speed > 0]
    return statistics.median(found) if found else None


def _steps_done(config):
    folder = config.run_dir
    path = os.path.join(folder, "checkpoint")
    try:
        prefix = checkpoints.latest(folder, config.checkpoint_name)
    except ValueError as error:
        raise UserError(f"{path} can't be read: {error}") from None
    if prefix is None and os.path.exists(path):
        raise UserError(f"{path} can't be read, or names no existing checkpoint")
    return 0 if prefix is None else int(checkpoints.open_reader(prefix)[1]("global_step"))


class Lists(NamedTuple):
    """Properties of a data set's lists, as the runs see them.

    Attributes:
      image_counts: dict from split to int.
      class_map: str, the digest of the classes.
      imbalance: float, see `State`.
    """

    image_counts: dict
    class_map: str
    imbalance: float


class _Found:
    """A cache of the data sets and weights found so far."""

    def __init__(self):
        self._lists, self._weights = {}, {}

    def lists(self, config):
        """A cell's Lists or None, and a sentence on why there are none."""
        thinned = (config.imbalance_ratio, config.shots, config.shots and config.seed)
        key = (config.dataset_dir, config.lists_folder, *thinned)
        if key not in self._lists:
            try:
                self._lists[key] = _read_lists(config), ""
            except UserError as error:
                self._lists[key] = None, str(error)
        return self._lists[key]

    def missing_weights(self, config):
        """A sentence on missing weights; empty if they exist."""
        key = (config.net, config.depth_multiplier, config.pretrained, config.pretrained_dir)
        if key not in self._weights:
            try:
                preflight.pretrained_path(config)
                self._weights[key] = ""
            except UserError as error:
                self._weights[key] = str(error)
        return self._weights[key]


def _read_lists(config):
    if config.final_split == "val" and not preflight.val_is_held_out(config):
        raise UserError("its validation images are training images, too; settings can't be chosen")
    dataset = preflight.load_dataset(config, ["train", config.final_split or "test"])
    counts = {split: len(image_list.files) for split, image_list in dataset.splits.items()}
    imbalance = imbalance_of(dataset.splits["train"])
    return Lists(counts, dataset.class_map.digest, imbalance)

"""How far a cell is: done, partly done, still to do, or not possible here."""

import collections
import os
from typing import NamedTuple

from config import stored
from config.base_config import SETTINGS
from evaluation import files as eval_files
from reproduction.tables import PROTOCOLS
from training import preflight
from utils import checkpoints, logs, run_dir
from utils.errors import UserError

DONE, PARTLY, OPEN, MISSING = "done", "partly done", "to do", "not possible"


class State(NamedTuple):
    """A cell's state.

    Attributes:
      kind: one of DONE, PARTLY, OPEN, MISSING.
      steps: int, steps done.
      reason: str, why it is not possible; else empty.
    """

    kind: str
    steps: int
    reason: str = ""


def records_of(cell):
    """What a cell's run stores beside its settings; None where it has not begun.

    Raises:
      UserError: the run was made under other settings than the cell's, or is damaged.
    """
    if not run_dir.exists(cell.config.run_dir, "resume"):
        return None
    before, records = stored.read(cell.config.run_dir)
    for name, f in SETTINGS.items():
        was, wanted = getattr(before, name), getattr(cell.config, name)
        if was != wanted and (not f.metadata.get("resumable") or name == "train_iters"):
            raise UserError(
                f"{cell.config.run_dir} was run with --{name} {was}, the cell {cell.name} wants"
                f" {wanted}; move that folder away"
            )
    return records


def reports_of(cell):
    """The evaluations of a cell by protocol, as far as they are there and of the last step.

    Returns:
      dict from protocol to report.

    Raises:
      UserError: a metrics.json was edited or cut.
    """
    found = {}
    for name, protocol in PROTOCOLS.items():
        folder = os.path.join(cell.config.run_dir, "eval", protocol.folder)
        report = eval_files.read_report(folder)
        if report is not None:
            found[name] = report
    last = found.get("clean")
    return found if last and last["step"] == cell.config.train_iters else {}


def states_of(cells):
    """Finds out how far each cell is; a data set or checkpoint is looked for once.

    Args:
      cells: list of reproduction.cells.Cell.

    Returns:
      list of State.

    Raises:
      UserError: a run folder holds another run, or a damaged one.
    """
    known = {}
    return [_state_of(cell, known) for cell in cells]


def _state_of(cell, known):
    config = cell.config
    if records_of(cell) is not None and len(reports_of(cell)) == len(PROTOCOLS):
        return State(DONE, config.train_iters)
    needs = (config.dataset_dir, config.net, config.pretrained, config.pretrained_dir)
    if needs not in known:
        known[needs] = _what_is_missing(config)
    if known[needs]:
        return State(MISSING, 0, known[needs])
    prefix = checkpoints.latest(config.run_dir)
    steps = 0 if prefix is None else checkpoints.step_of(prefix)
    return State(PARTLY if steps else OPEN, steps)


def _what_is_missing(config):
    """The sentence that main.py would end with; empty where data set and weights are there."""
    try:
        preflight.load_dataset(config, ["train", "test"])
        preflight.pretrained_path(config)
    except UserError as error:
        return str(error)
    return ""


def seconds_a_step(cells):
    """Measured seconds a step of each network, from the logs of all runs of the cells.

    Returns:
      dict from network to float.
    """
    found = {}
    for cell in cells:
        for row in logs.read_metrics(cell.config.run_dir):
            if row.get("images_per_second") and row["step"] != "1":
                images = cell.config.batch_size * cell.config.accumulate_batches
                seconds = images / float(row["images_per_second"])
                found.setdefault(cell.config.net, []).append(seconds)
    return {net: sorted(values)[len(values) // 2] for net, values in found.items()}


def plan_lines(cells, states):
    """What is done, what is to do and how long that should take, for the terminal.

    Args:
      cells: list of reproduction.cells.Cell.
      states: list of State.

    Returns:
      list of str.
    """
    lines = [
        f"{state.kind:12} {cell.name}: {state.steps} of {cell.config.train_iters} steps"
        for cell, state in zip(cells, states)
        if state.kind != MISSING
    ]
    reasons = collections.Counter(state.reason for state in states if state.kind == MISSING)
    lines += [
        f"{MISSING:12} {count} cell{'s' if count > 1 else ''}: {text}"
        for text, count in reasons.items()
    ]
    counts = {kind: sum(s.kind == kind for s in states) for kind in (DONE, PARTLY, OPEN, MISSING)}
    lines.append(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return lines + _time_lines(cells, states)


def _time_lines(cells, states):
    """The time that the rest takes at the measured speed of each network, if there is a rest."""
    speeds = seconds_a_step(cells)
    seconds, unknown = 0.0, set()
    for cell, state in zip(cells, states):
        if state.kind not in (PARTLY, OPEN):
            continue
        if cell.config.net in speeds:
            seconds += speeds[cell.config.net] * (cell.config.train_iters - state.steps)
        else:
            unknown.add(cell.config.net)
    lines = [f"how long {net} takes is not known: no run was measured" for net in sorted(unknown)]
    if seconds:
        lines.append(f"the training of the rest should take {seconds / 3600:.1f} h on one device")
    return lines

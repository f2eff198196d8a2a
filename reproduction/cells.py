"""The cells of a table: one run for each row, data set and seed, or one for each fold of these."""

import hashlib
import json
import os
from typing import NamedTuple, Optional

from config.base_config import SETTINGS, Config
from config.datasets import UNSEEN_FOLDER
from config.resolve import resolve
from reproduction.protocols import PROTOCOLS
from reproduction.tables import BUDGETS, TABLES, Row, rows_by_mode
from utils.errors import UserError


class Cell(NamedTuple):
    """One run of a table.

    Attributes:
      row: reproduction.tables.Row.
      dataset: str, a key of `DATASETS`.
      seed: int.
      flags: dict from setting to value, the flags for main.py.
      config: Config that they resolve to.
      fold: int, the fold of the training classes; None in a table without folds.
    """

    row: Row
    dataset: str
    seed: int
    flags: dict
    config: Config
    fold: Optional[int] = None

    @property
    def name(self):
        """str, data set, row, seed and fold, for messages."""
        fold = "" if self.fold is None else f", fold {self.fold}"
        return f"{self.dataset}, {self.row.label}, seed {self.seed}{fold}"


class TableRequest(NamedTuple):
    """The table requested by the flags of reproduce.py.

    Attributes:
      table: str, a key of `TABLES`.
      datasets: tuple of str.
      modes: tuple of str, or None for the table's own.
      seeds: tuple of int.
      protocol: str, a key of `PROTOCOLS`.
      budget: str, a key of `BUDGETS`.
      common: dict from setting to value, flags for every run.
    """

    table: str
    datasets: tuple
    modes: tuple
    seeds: tuple
    protocol: str
    budget: str
    common: dict

    @property
    def changes(self):
        """Dict, the common flags except those that only set folders and devices."""
        groups = {name: SETTINGS[name].metadata["group"] for name in self.common}
        return {name: value for name, value in self.common.items() if groups[name] != "machine"}

    @property
    def name(self):
        """str, the name of the output files."""
        budget = "" if self.budget == "paper" else f"_{self.budget}"
        return f"{self.table}_{self.protocol}{budget}"


def rows_of(request):
    """The rows of a request: the table's, or those of the given modes, added if missing."""
    rows = TABLES[request.table].rows
    if request.modes is None:
        return rows
    chosen = tuple(row for row in rows if row.settings["train_mode"] in request.modes)
    known = {row.settings["train_mode"] for row in rows}
    return chosen + rows_by_mode(mode for mode in request.modes if mode not in known)


def cells_of(request):
    """Every cell of a request.

    Args:
      request: TableRequest.

    Returns:
      list of Cell, seed by seed, so that the first runs already fill the table.

    Raises:
      UserError: the settings of a cell are invalid, or two rows are the same run.
    """
    folds = range(TABLES[request.table].folds) or (None,)
    cells = [
        _cell(request, row, dataset, seed, fold)
        for seed in request.seeds
        for dataset in request.datasets
        for row in rows_of(request)
        for fold in folds
    ]
    by_folder = {}
    for cell in cells:
        other = by_folder.setdefault(cell.config.run_dir, cell)
        if other.row.label != cell.row.label:
            raise UserError(
                f"the rows {other.row.label} and {cell.row.label} of --table {request.table} are"
                f" the same run: their difference is overridden by --budget {request.budget} or"
                " after --"
            )
    return cells


def _cell(request, row, dataset, seed, fold):
    mode, protocol = row.settings["train_mode"], PROTOCOLS[request.protocol]
    sampler = protocol.samplers.get(mode)
    flags = {**TABLES[request.table].settings, **({"sampler": sampler} if sampler else {})}
    flags.update(row.settings)
    flags.update(BUDGETS[request.budget].settings)
    flags.update(request.common)
    # The protocols of the paper's tables use the same run, which chooses its best checkpoint on the
    # test list.
    flags.update(dataset=dataset, seed=seed, keep_checkpoints=1, eval_split=protocol.eval_split)
    if protocol.final_split != "test":
        flags["final_split"] = protocol.final_split
    if fold is not None:
        flags["lists_folder"] = f"{UNSEEN_FOLDER}/fold{fold}"
    name = _run_name(flags, row, request.changes, fold)
    flags["run_dir"] = os.path.join("reproduce", request.budget, name)
    return Cell(row, dataset, seed, flags, resolve(flags), fold)


def _run_name(flags, row, changes, fold):
    """A folder name from a run's settings, so that two tables share the same run.

    A row's value that is the default is left out, as another table may not have that row's setting.
    """
    resolved = resolve(flags)
    parts = [flags["dataset"], resolved.net, resolved.train_mode, resolved.sampler]
    named = {name for name, f in SETTINGS.items() if f.metadata["group"] == "machine"}
    named = named.union(changes, *(budget.settings for budget in BUDGETS.values()))
    named -= set(row.settings)
    named |= {"dataset", "net", "train_mode", "sampler", "seed", "keep_checkpoints", "eval_split"}
    named.add("lists_folder")
    own = {name for name in row.settings if name not in named}
    default = resolve({name: value for name, value in flags.items() if name not in own})
    named |= {name for name in own if getattr(resolved, name) == getattr(default, name)}
    parts += [f"{name}{value}" for name, value in sorted(flags.items()) if name not in named]
    if changes:
        text = json.dumps(changes, sort_keys=True)
        parts.append(hashlib.sha256(text.encode("utf-8")).hexdigest()[:6])
    parts += [] if fold is None else [f"fold{fold}"]
    return "_".join(parts + [f"seed{flags['seed']}"])

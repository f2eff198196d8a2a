"""The cells of a table: one run each, of a row, a data set and a seed."""

import hashlib
import json
import os
from typing import NamedTuple

from config.base_config import SETTINGS, Config
from config.losses import LOSSES
from config.resolve import resolve
from reproduction.tables import BUDGETS, PROTOCOLS, TABLES, Row
from utils.errors import UserError


class Cell(NamedTuple):
    """One run of a table.

    Attributes:
      row: reproduction.tables.Row.
      dataset: str, a key of `DATASETS`.
      seed: int.
      given: dict from setting to value, the flags of its main.py.
      config: Config that they resolve to.
    """

    row: Row
    dataset: str
    seed: int
    given: dict
    config: Config

    @property
    def name(self):
        """str, for people: data set, row and seed."""
        return f"{self.dataset}, {self.row.label}, seed {self.seed}"


class Order(NamedTuple):
    """What was asked for: the flags of reproduce.py.

    Attributes:
      table: str, a key of `TABLES`.
      datasets: tuple of str.
      modes: tuple of str, or None for those of the table.
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
        """Dict, the common flags without those that only say where things lie on this machine."""
        groups = {name: SETTINGS[name].metadata["group"] for name in self.common}
        return {name: value for name, value in self.common.items() if groups[name] != "machine"}

    @property
    def name(self):
        """str, the name of the files that are written."""
        budget = "" if self.budget == "paper" else f"_{self.budget}"
        return f"{self.table}_{self.protocol}{budget}"


def rows_of(order):
    """The rows of an order: the table's, those of the modes asked for, and modes it lacks."""
    rows = TABLES[order.table].rows
    if order.modes is None:
        return rows
    chosen = [row for row in rows if row.settings["train_mode"] in order.modes]
    known = {row.settings["train_mode"] for row in rows}
    chosen += [Row(LOSSES[m].title, {"train_mode": m}) for m in order.modes if m not in known]
    return tuple(chosen)


def cells_of(order):
    """Every cell of an order.

    Args:
      order: Order.

    Returns:
      list of Cell, seed by seed, so that a part of the runs is already a whole table.

    Raises:
      UserError: the settings of a cell are impossible, or two rows come to the same run.
    """
    cells = [
        _cell(order, row, dataset, seed)
        for seed in order.seeds
        for dataset in order.datasets
        for row in rows_of(order)
    ]
    by_folder = {}
    for cell in cells:
        other = by_folder.setdefault(cell.config.run_dir, cell)
        if other.row.label != cell.row.label:
            raise UserError(
                f"the rows {other.row.label} and {cell.row.label} of --table {order.table} are the"
                f" same run: what they differ in is fixed by --budget {order.budget} or after --"
            )
    return cells


def _cell(order, row, dataset, seed):
    mode = row.settings["train_mode"]
    sampler = PROTOCOLS[order.protocol].samplers.get(mode)
    given = {**TABLES[order.table].settings, **({"sampler": sampler} if sampler else {})}
    given.update(row.settings)
    given.update(BUDGETS[order.budget][0])
    given.update(order.common)
    given.update(dataset=dataset, seed=seed, keep_checkpoints=1, eval_split="test")
    given["run_dir"] = os.path.join("reproduce", order.budget, _run_name(given, order.changes))
    return Cell(row, dataset, seed, given, resolve(given))


def _run_name(given, changes):
    """A folder name of what a run differs in; the same run in two tables has one folder."""
    resolved = resolve(given)
    parts = [given["dataset"], resolved.net, resolved.train_mode, resolved.sampler]
    named = {"dataset", "net", "train_mode", "sampler", "seed", "keep_checkpoints", "eval_split"}
    budgets = set().union(*(settings for settings, _ in BUDGETS.values()))
    named |= {name for name, f in SETTINGS.items() if f.metadata["group"] == "machine"}
    parts += [
        f"{k}{v}" for k, v in sorted(given.items()) if k not in named | budgets | set(changes)
    ]
    if changes:
        text = json.dumps(changes, sort_keys=True)
        parts.append(hashlib.sha256(text.encode("utf-8")).hexdigest()[:6])
    return "_".join(parts + [f"seed{given['seed']}"])

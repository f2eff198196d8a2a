"""Collects finished runs into the entries of a table: mean, deviation, difference and gain."""

from typing import NamedTuple, Optional

import numpy as np
from scipy import stats

from reproduction.cells import rows_of
from reproduction.reports import score
from reproduction.state import DONE, OPEN, PARTLY
from reproduction.tables import PROTOCOLS


class Entry(NamedTuple):
    """One number of a table.

    Attributes:
      row: str, the row's label.
      dataset: str.
      metric: str.
      values: dict from seed to float, fractions of 1, means over the folds if there are any.
      published: float or None, a fraction of 1.
      baseline: dict from seed to float, of the softmax row, for the gain; empty for that row.
      sources: list of dict, the origin of each value.
      missing: dict from seed to str, why there is no value, or not that of every fold.
    """

    row: str
    dataset: str
    metric: str
    values: dict
    published: Optional[float]
    baseline: dict
    sources: list
    missing: dict

    @property
    def mean(self):
        """float; None without a run."""
        return float(np.mean(list(self.values.values()))) if self.values else None

    @property
    def std(self):
        """float, over the seeds (n - 1); None for fewer than two."""
        return float(np.std(list(self.values.values()), ddof=1)) if len(self.values) > 1 else None

    @property
    def interval(self):
        """(float, float), 95 % interval of the mean by Student's t; None for fewer than two."""
        if self.std is None:
            return None
        number = len(self.values)
        half = float(stats.t.ppf(0.975, number - 1)) * self.std / np.sqrt(number)
        return float(self.mean - half), float(self.mean + half)

    @property
    def difference(self):
        """float, mean minus published; None if either is missing."""
        known = self.values and self.published is not None
        return self.mean - self.published if known else None

    @property
    def published_is_inside(self):
        """bool, the published number is within one standard deviation; None if unknown."""
        if self.difference is None or self.std is None:
            return None
        return abs(self.difference) <= self.std

    @property
    def _pairs(self):
        seeds = sorted(set(self.values) & set(self.baseline))
        return [(self.values[seed], self.baseline[seed]) for seed in seeds]

    @property
    def gain(self):
        """float, mean difference to softmax over their common seeds; None without any."""
        return float(np.mean([a - b for a, b in self._pairs])) if self._pairs else None

    @property
    def p_value(self):
        """float, of a paired t test of that gain; None for fewer than two pairs or no spread."""
        differences = [a - b for a, b in self._pairs]
        if len(differences) < 2 or np.ptp(differences) < 1e-12:
            return None
        return float(stats.ttest_rel(*zip(*self._pairs)).pvalue)


def runs_of(request, cells, states):
    """Sorts the finished runs of a request by row and data set.

    Args:
      request: reproduction.cells.TableRequest.
      cells: list of reproduction.cells.Cell, of `cells_of`.
      states: list of reproduction.state.State.

    Returns:
      dict from (row label, data set) to two dicts: from seed to a list of (report, source), one for
      each fold or a single one; and from seed to the reason for a missing run.
    """
    runs = {}
    for cell, state in zip(cells, states):
        found, missing = runs.setdefault((cell.row.label, cell.dataset), ({}, {}))
        if state.kind == DONE:
            report = state.reports[request.protocol]
            source = _source(request, cell, state, report)
            found.setdefault(cell.seed, []).append((report, source))
            continue
        text = f"{state.kind}: {state.reason}"
        if state.kind in (PARTLY, OPEN):
            text = f"{state.steps} of {cell.config.train_iters} steps done"
        text = text if cell.fold is None else f"fold {cell.fold}: {text}"
        missing.setdefault(cell.seed, []).append(text)
    return {key: _only_whole(found, missing) for key, (found, missing) in runs.items()}


def _only_whole(found, missing):
    """Leaves out the seeds of which a fold is missing, and joins the reasons."""
    whole = {seed: reports for seed, reports in found.items() if seed not in missing}
    return whole, {seed: "; ".join(texts) for seed, texts in missing.items()}


def entries_of(request, runs, metrics):
    """The numbers of a table.

    Args:
      request: reproduction.cells.TableRequest.
      runs: dict of `runs_of`.
      metrics: tuple of str.

    Returns:
      list of Entry, metric by metric, row by row.
    """
    rows = rows_of(request)
    softmax = next((row.label for row in rows if row.settings["train_mode"] == "vanilla"), None)
    return [
        _entry(runs, row, dataset, metric, softmax)
        for metric in metrics
        for row in rows
        for dataset in request.datasets
    ]


def _source(request, cell, state, report):
    """Everything needed to trace a number to its run."""
    return {
        "seed": cell.seed,
        "fold": cell.fold,
        "run": cell.config.run_dir,
        "split": report["split"],
        "checkpoint_rule": PROTOCOLS[request.protocol].checkpoint,
        "checkpoint": report["checkpoint"],
        "step": report["step"],
        "iterations": cell.config.train_iters,
        "class_map": report["class_map"],
        "images": report["num_images"],
        "embedding": report["embedding"],
        **state.records.get("provenance", {}),
    }


def _entry(runs, row, dataset, metric, softmax):
    found, missing = runs[row.label, dataset]
    values = _values(found, metric)
    baseline = {}
    if softmax is not None and row.label != softmax:
        baseline = _values(runs[softmax, dataset][0], metric)
    published = row.published.get(dataset) if metric == "accuracy" else None
    return Entry(
        row.label,
        dataset,
        metric,
        values,
        None if published is None else published / 100,
        baseline,
        [source for seed in sorted(values) for _, source in found[seed]],
        missing,
    )


def _values(found, metric):
    scores = {
        seed: [score(report, metric) for report, _ in reports]
        for seed, reports in sorted(found.items())
    }
    return {seed: float(np.mean(own)) for seed, own in scores.items() if None not in own}

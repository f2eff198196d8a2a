"""Collects finished runs into the entries of a table: mean, deviation, difference and gain."""

import os
from typing import NamedTuple, Optional

import numpy as np
from scipy import stats

from evaluation.bootstrap import interval_of_paired_gain
from reproduction import images
from reproduction.cells import rows_of
from reproduction.protocols import PROTOCOLS
from reproduction.reports import score
from reproduction.state import DONE, OPEN, PARTLY
from reproduction.tables import TABLES


class Run(NamedTuple):
    """A finished run.

    Attributes:
      report: dict, its evaluation's.
      source: dict, where its numbers come from.
      images: dict from each of the table's metrics to float [N], see `images.values_of`.
    """

    report: dict
    source: dict
    images: dict


class Entry(NamedTuple):
    """One number of a table.

    Attributes:
      row: str, the row's label.
      dataset: str.
      metric: str.
      values: dict from seed to float, fractions of 1, means over the folds if there are any.
      published: float or None, a fraction of 1.
      baseline: dict from seed to float, of the softmax row with the same other settings, or else
        the first, for the gain; empty for a softmax row.
      sources: list of dict, the origin of each value.
      missing: dict from seed to str, why there is no value, or not that of every fold.
      gain_interval: list of 2 float, 95 % interval of the gain over seeds and images; None for
        fewer than two seeds, or a score that is no mean over images.
    """

    row: str
    dataset: str
    metric: str
    values: dict
    published: Optional[float]
    baseline: dict
    sources: list
    missing: dict
    gain_interval: Optional[list] = None

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
      dict from (row label, data set) to two dicts: from seed to a list of Run, one for each fold or
      a single one; and from seed to the reason for a missing run.
    """
    runs = {}
    for cell, state in zip(cells, states):
        found, missing = runs.setdefault((cell.row.label, cell.dataset), ({}, {}))
        if state.kind == DONE:
            report = state.reports[request.protocol]
            run = Run(report, _source(request, cell, state, report), _images(request, cell, report))
            found.setdefault(cell.seed, []).append(run)
            continue
        text = f"{state.kind}: {state.reason}"
        if state.kind in (PARTLY, OPEN):
            text = f"{state.steps} of {cell.config.train_iters} steps done"
        text = text if cell.fold is None else f"fold {cell.fold}: {text}"
        missing.setdefault(cell.seed, []).append(text)
    return {key: _only_whole(found, missing) for key, (found, missing) in runs.items()}


def _only_whole(found, missing):
    """Leaves out the seeds of which a fold is missing, and joins the reasons."""
    whole = {seed: runs for seed, runs in found.items() if seed not in missing}
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
    return [
        _entry(request, runs, row, dataset, metric, baseline_of(row, rows))
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


def _images(request, cell, report):
    """The scores of the test images for the metrics of the main table."""
    folder = os.path.join(cell.config.run_dir, "eval", PROTOCOLS[request.protocol].folder)
    own = "pooled" if report["embedding"] == "pooled" else "embedding"
    return images.values_of(folder, own, TABLES[request.table].metrics)


def baseline_of(row, rows):
    """The softmax row that a row's gain is measured against.

    Args:
      row: reproduction.tables.Row.
      rows: sequence of Row.

    Returns:
      Row with the same other settings, or else the first of softmax; None for a softmax row.
    """
    softmax = [other for other in rows if other.settings["train_mode"] == "vanilla"]
    if row in softmax:
        return None
    same = [s for s in softmax if dict(row.settings, train_mode="vanilla") == s.settings]
    return next(iter(same + softmax), None)


def _entry(request, runs, row, dataset, metric, softmax):
    found, missing = runs[row.label, dataset]
    values = _values(found, metric)
    baseline, gain_interval = {}, None
    if softmax is not None:
        others = runs[softmax.label, dataset][0]
        baseline = _values(others, metric)
        seeds = sorted(set(values) & set(baseline))
        gain_interval = _gain_interval([(found[s], others[s]) for s in seeds], metric)
    on_test = PROTOCOLS[request.protocol].final_split == "test"
    published = row.published.get(dataset) if on_test and metric == "accuracy" else None
    return Entry(
        row.label,
        dataset,
        metric,
        values,
        None if published is None else published / 100,
        baseline,
        [run.source for seed in sorted(values) for run in found[seed]],
        missing,
        gain_interval,
    )


def _gain_interval(pairs, metric):
    """The interval of a gain from the runs of both methods, seed by seed, see `Entry`."""
    gains = []
    for own, others in pairs:
        values = [run.images.get(metric) for run in own + others]
        if any(v is None or len(v) != len(values[0]) for v in values):
            return None
        gains.append(np.mean(values[: len(own)], axis=0) - np.mean(values[len(own) :], axis=0))
    if len({len(gain) for gain in gains}) != 1 or len(gains) < 2:
        return None
    return interval_of_paired_gain(np.stack(gains))


def _values(found, metric):
    scores = {
        seed: [score(run.report, metric) for run in runs] for seed, runs in sorted(found.items())
    }
    return {seed: float(np.mean(own)) for seed, own in scores.items() if None not in own}

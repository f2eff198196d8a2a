"""Writes the files of a table: each text format, and a figure."""

import os

from reproduction.cells import rows_of
from reproduction.collect import entries_of, runs_of
from reproduction.figure import axis_of, draw
from reproduction.render import RENDERERS, Table, heading
from reproduction.reports import spaces_of
from reproduction.tables import MORE_METRICS, TABLES
from utils.errors import UserError
from utils.run_dir import write_text


def write_all(request, cells, states, folder):
    """Writes the table of a request, and tables of its other metrics.

    Args:
      request: reproduction.cells.TableRequest.
      cells: list of reproduction.cells.Cell.
      states: list of reproduction.state.State.
      folder: str.

    Returns:
      list of str, the files written.

    Raises:
      UserError: the folder can't be written.
    """
    runs = runs_of(request, cells, states)
    title = heading(request, _imbalances(cells, states))
    written = []
    try:
        os.makedirs(folder, exist_ok=True)
        for suffix, metrics in _metrics_by_suffix(request, runs).items():
            path = os.path.join(folder, request.name + (f"_{suffix}" if suffix else ""))
            table = Table(request, title, entries_of(request, runs, metrics))
            for ending, render in RENDERERS.items():
                written.append(f"{path}.{ending}")
                write_text(written[-1], render(table))
            written.append(f"{path}.png")
            axis = axis_of(TABLES[request.table], rows_of(request))
            draw(written[-1], title, table.entries, *axis)
    except OSError as error:
        raise UserError(f"the tables can't be written to {folder}: {error.strerror}") from None
    return written


def _metrics_by_suffix(request, runs):
    """Dict from file name suffix to the metrics of its table."""
    reports = [r.report for found, _ in runs.values() for own in found.values() for r in own]
    retrieval = MORE_METRICS["retrieval"]
    by_space = tuple(f"{space}/{name}" for space in spaces_of(reports) for name in retrieval)
    table = TABLES[request.table]
    suffixes = {"": table.metrics, **MORE_METRICS, "retrieval": retrieval + by_space}
    if table.folds:  # of classes that training lacks, which have no accuracy
        del suffixes["per_class"]
    return suffixes


def _imbalances(cells, states):
    """Dict from data set to the imbalance of its training list; empty if none is thinned."""
    texts = {}
    for cell, state in zip(cells, states):
        if cell.config.imbalance_ratio > 1:
            asked = f"asked for {cell.config.imbalance_ratio:g}, not measured"
            text = asked if state.imbalance is None else f"{state.imbalance:.3g}"
            texts[cell.dataset] = text
    return texts

"""A table as text: Markdown, CSV, LaTeX and JSON."""

import csv
import io
import json
from typing import NamedTuple

from config.datasets import DATASETS
from config.networks import NETWORKS
from reproduction.cells import TableRequest
from reproduction.protocols import PROTOCOLS
from reproduction.tables import BUDGETS, TABLES

NUMBERS = (
    "mean", "std", "n", "published", "difference", "published_is_inside", "gain", "p_value",
)  # fmt: skip


_ABOUT_GAIN = (
    "Gain over softmax on the same seeds, [its 95 % interval, from resampling seeds and images], p"
    " of a paired t test over the seeds:"
)


class Table(NamedTuple):
    """The content of one table's files.

    Attributes:
      request: reproduction.cells.TableRequest.
      heading: str.
      entries: list of reproduction.collect.Entry.
    """

    request: TableRequest
    heading: str
    entries: list


def heading(request, imbalances):
    """The title, with everything to know before reading the numbers.

    Args:
      request: reproduction.cells.TableRequest.
      imbalances: dict from data set to a description of its long-tailed training list.

    Returns:
      str.
    """
    budget = BUDGETS[request.budget]
    settings = {**TABLES[request.table].settings, **budget.settings, **request.common}
    net = NETWORKS[settings["net"]].title if "net" in settings else ""
    tail = ", ".join(f"{name} {text}" for name, text in imbalances.items())
    tail = tail and f"images of the largest over the smallest class in training: {tail}"
    changes = " ".join(f"--{name} {value}" for name, value in request.changes.items())
    changes = changes and f"every run with {changes}, unlike the paper's recipe"
    parts = [TABLES[request.table].title, net, tail, PROTOCOLS[request.protocol].about, changes,
             budget.warning.upper()]  # fmt: skip
    return "; ".join(part for part in parts if part)


def percent(value, signed=False):
    """A fraction of 1 as percent with two decimals; empty for None."""
    if value is None:
        return ""
    rounded = round(100 * value, 2) + 0.0  # + 0.0 avoids -0.00
    return f"{rounded:{'+' if signed else ''}.2f}"


def cell_text(entry, plus_minus="±"):
    """Mean, spread and number of runs, such as 89.44 ± 0.21 (3)."""
    if entry.mean is None:
        return ""
    spread = f" {plus_minus} {percent(entry.std)}" if entry.std is not None else ""
    return f"{percent(entry.mean)}{spread} ({len(entry.values)})"


def gain_text(gain, interval):
    """A gain and its interval, such as +2.69 [+0.87, +4.51]; without one, the gain alone."""
    low_high = ", ".join(percent(value, signed=True) for value in interval or ())
    return percent(gain, signed=True) + (f" [{low_high}]" if low_high else "")


def _grid(request, entries, text_of):
    """Rows of text: the row's label, then one text per data set."""
    labels = list(dict.fromkeys(entry.row for entry in entries))
    texts = {(entry.row, entry.dataset): text_of(entry) for entry in entries}
    return [[label] + [texts[label, d] for d in request.datasets] for label in labels]


def _markdown_grid(request, rows):
    titles = [""] + [DATASETS[name].title for name in request.datasets]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def to_markdown(table):
    """The table in Markdown, with reasons for empty entries and the source of every number."""
    request, entries = table.request, table.entries
    papers_recipe = request.budget == "paper" and not request.changes
    about = [TABLES[request.table].about, ""] if papers_recipe else []
    lines = [f"# {table.heading}", "", *about]
    for metric in dict.fromkeys(entry.metric for entry in entries):
        own = [entry for entry in entries if entry.metric == metric]
        counted = "seeds" if TABLES[request.table].folds else "runs"
        lines += [f"## {metric}, percent: mean ± standard deviation (number of {counted})", ""]
        lines += _markdown_grid(request, _grid(request, own, cell_text)) + [""]
        if TABLES[request.table].folds and any(entry.interval for entry in own):
            lines += ["95 % interval of the mean, Student's t over the seeds:", ""]
            lines += _markdown_grid(request, _grid(request, own, _interval_text)) + [""]
        if any(entry.published is not None for entry in own):
            lines += ["Published, and measured minus published (inside: within a deviation):", ""]
            lines += _markdown_grid(request, _grid(request, own, _published_text)) + [""]
        if any(entry.gain is not None for entry in own):
            lines += [_ABOUT_GAIN, ""]
            lines += _markdown_grid(request, _grid(request, own, _gain_text)) + [""]
    return "\n".join(lines + _missing_lines(entries) + _source_lines(entries)) + "\n"


def _published_text(entry):
    if entry.published is None:
        return ""
    inside = {True: ", inside", False: ", outside", None: ""}[entry.published_is_inside]
    difference = percent(entry.difference, signed=True)
    return percent(entry.published) + (f" ({difference}{inside})" if difference else "")


def _interval_text(entry):
    return " to ".join(map(percent, entry.interval or ()))


def _gain_text(entry):
    if entry.gain is None:
        return ""
    p_value = "" if entry.p_value is None else f" (p = {entry.p_value:.3f})"
    return gain_text(entry.gain, entry.gain_interval) + p_value


def _missing_lines(entries):
    lines = []
    for entry in {(e.row, e.dataset): e for e in entries}.values():
        for reason in dict.fromkeys(entry.missing.values()):
            seeds = ", ".join(str(s) for s, text in entry.missing.items() if text == reason)
            lines.append(f"- {entry.row}, {entry.dataset}, seed {seeds}: {reason}")
    return ["## Missing runs", "", *lines, ""] if lines else []


def _source_lines(entries):
    lines = ["## Sources of the numbers", ""]
    for entry in {(e.row, e.dataset): e for e in entries}.values():
        for s in entry.sources:
            lines.append(
                f"- {entry.row}, {entry.dataset}, seed {s['seed']}"
                f"{'' if s['fold'] is None else ', fold {}'.format(s['fold'])}: {s['split']} split,"
                f" {s['images']} images, checkpoint {s['checkpoint']} ({s['checkpoint_rule']}),"
                f" {s['iterations']} iterations, class map {s['class_map']}, embedding"
                f" {s['embedding']}, TensorFlow {s.get('tensorflow', '?')},"
                f" commit {s.get('commit') or '?'}"
            )
    return lines


def _record(request, entry):
    numbers = {name: getattr(entry, name, None) for name in NUMBERS}
    numbers["n"] = len(entry.values)
    return {
        "table": request.table,
        "protocol": request.protocol,
        "budget": request.budget,
        "row": entry.row,
        "dataset": entry.dataset,
        "metric": entry.metric,
        **numbers,
        **dict(zip(("interval_low", "interval_high"), entry.interval or (None, None))),
        **dict(zip(("gain_low", "gain_high"), entry.gain_interval or (None, None))),
    }


def to_csv(table):
    """One line per number, as fractions of 1, with its source or why it is missing."""
    request, entries = table.request, table.entries
    stream = io.StringIO()
    records = []
    for entry in entries:
        record = _record(request, entry)
        for name in ("split", "checkpoint_rule", "iterations", "class_map", "tensorflow", "commit"):
            record[name] = " ".join(sorted({str(s.get(name, "")) for s in entry.sources}))
        record["values"] = " ".join(f"{s}:{value:.6f}" for s, value in entry.values.items())
        record["missing"] = "; ".join(f"seed {s}: {text}" for s, text in entry.missing.items())
        records.append({k: round(v, 6) if isinstance(v, float) else v for k, v in record.items()})
    writer = csv.DictWriter(stream, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()


def to_json(table):
    """All values with their sources."""
    request, entries = table.request, table.entries
    records = [
        dict(_record(request, e), values=e.values, sources=e.sources, missing=e.missing)
        for e in entries
    ]
    return json.dumps({"heading": table.heading, "entries": records}, indent=1) + "\n"


def to_latex(table):
    """One booktabs tabular per metric."""
    request, entries = table.request, table.entries
    lines = [f"% {table.heading}"]
    for metric in dict.fromkeys(entry.metric for entry in entries):
        own = [entry for entry in entries if entry.metric == metric]
        titles = " & ".join(_escaped(DATASETS[name].title) for name in request.datasets)
        lines += [f"% {metric}, percent", r"\begin{tabular}{l" + "r" * len(request.datasets) + "}"]
        lines += [r"\toprule", f" & {titles} \\\\", r"\midrule"]
        for row in _grid(request, own, lambda entry: cell_text(entry, r"$\pm$")):
            lines.append(" & ".join([_escaped(row[0])] + row[1:]) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _escaped(text):
    return text.replace("&", r"\&").replace("_", r"\_").replace("%", r"\%")


RENDERERS = {"md": to_markdown, "csv": to_csv, "tex": to_latex, "json": to_json}

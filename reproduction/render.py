"""The files of a table: Markdown, CSV, LaTeX, JSON and a figure."""

import csv
import io
import json
import os

from config.datasets import DATASETS
from config.networks import NETWORKS
from reproduction.collect import entries_of, read_runs
from reproduction.figure import draw
from reproduction.tables import BUDGETS, MORE_METRICS, PROTOCOLS, TABLES
from utils.errors import UserError
from utils.run_dir import write_text

NUMBERS = (
    "mean", "std", "n", "published", "difference", "published_is_inside", "gain", "p_value",
)  # fmt: skip


def write_all(order, cells, failed, folder):
    """Writes the table of an order and those of its other metrics.

    Args:
      order: reproduction.cells.Order.
      cells: list of reproduction.cells.Cell.
      failed: dict from run folder to the reason why it failed just now.
      folder: str.

    Returns:
      list of str, the files written.

    Raises:
      UserError: the folder can't be written, or a run can't be read.
    """
    parts = {"": TABLES[order.table].metrics, **MORE_METRICS}
    runs = read_runs(order, cells, failed)
    written = []
    try:
        os.makedirs(folder, exist_ok=True)
        for suffix, metrics in parts.items():
            name = order.name + (f"_{suffix}" if suffix else "")
            entries = entries_of(order, runs, metrics)
            for ending, render in RENDERERS.items():
                written.append(os.path.join(folder, f"{name}.{ending}"))
                write_text(written[-1], render(order, entries))
            written.append(os.path.join(folder, f"{name}.png"))
            draw(written[-1], heading(order), entries)
    except OSError as error:
        raise UserError(f"the tables can't be written to {folder}: {error.strerror}") from None
    return written


def heading(order):
    """The title with all that a reader has to know before the first number."""
    stamp = BUDGETS[order.budget][1].upper()
    settings = {**TABLES[order.table].settings, **BUDGETS[order.budget][0], **order.common}
    net = NETWORKS[settings["net"]].title if "net" in settings else ""
    ratio = settings.get("imbalance_ratio", 1)
    tail = f"the training list's largest class has {ratio:g} times the images of its smallest"
    other = " ".join(f"--{name} {value}" for name, value in order.changes.items())
    given = f"every run was given {other}, which is not the paper's recipe" if other else ""
    parts = [TABLES[order.table].title, net, tail if ratio > 1 else "",
             PROTOCOLS[order.protocol].about, given, stamp]  # fmt: skip
    return "; ".join(part for part in parts if part)


def percent(value, signed=False):
    """A fraction of 1 as percent with two decimals; empty for None."""
    if value is None:
        return ""
    rounded = round(100 * value, 2) + 0.0  # + 0.0: no minus before a zero
    return f"{rounded:{'+' if signed else ''}.2f}"


def cell_text(entry, plus_minus="±"):
    """Mean, spread and number of runs, such as 89.44 ± 0.21 (3)."""
    if entry.mean is None:
        return ""
    spread = f" {plus_minus} {percent(entry.std)}" if entry.std is not None else ""
    return f"{percent(entry.mean)}{spread} ({len(entry.values)})"


def _grid(order, entries, text_of):
    """Rows of text: the row's label, then one text a data set."""
    labels = list(dict.fromkeys(entry.row for entry in entries))
    texts = {(entry.row, entry.dataset): text_of(entry) for entry in entries}
    return [[label] + [texts[label, d] for d in order.datasets] for label in labels]


def _markdown_grid(order, rows):
    titles = [""] + [DATASETS[name].title for name in order.datasets]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def to_markdown(order, entries):
    """The table for people, with the reasons for what is empty and the source of every number."""
    papers_recipe = order.budget == "paper" and not order.changes
    about = [TABLES[order.table].about, ""] if papers_recipe else []
    lines = [f"# {heading(order)}", "", *about]
    for metric in dict.fromkeys(entry.metric for entry in entries):
        own = [entry for entry in entries if entry.metric == metric]
        lines += [f"## {metric}, percent: mean ± standard deviation (number of runs)", ""]
        lines += _markdown_grid(order, _grid(order, own, cell_text)) + [""]
        if any(entry.published is not None for entry in own):
            lines += ["Published, and measured minus published (inside: within the deviation):", ""]
            lines += _markdown_grid(order, _grid(order, own, _published_text)) + [""]
        if any(entry.gain is not None for entry in own):
            lines += ["Gain over softmax on the same seeds, p of a paired t test:", ""]
            lines += _markdown_grid(order, _grid(order, own, _gain_text)) + [""]
    return "\n".join(lines + _missing_lines(entries) + _source_lines(entries)) + "\n"


def _published_text(entry):
    if entry.published is None:
        return ""
    inside = {True: ", inside", False: ", outside", None: ""}[entry.published_is_inside]
    difference = percent(entry.difference, signed=True)
    return percent(entry.published) + (f" ({difference}{inside})" if difference else "")


def _gain_text(entry):
    if entry.gain is None:
        return ""
    p_value = "" if entry.p_value is None else f" (p = {entry.p_value:.3f})"
    return percent(entry.gain, signed=True) + p_value


def _missing_lines(entries):
    lines = []
    for entry in {(e.row, e.dataset): e for e in entries}.values():
        for reason in dict.fromkeys(entry.missing.values()):
            seeds = ", ".join(str(s) for s, text in entry.missing.items() if text == reason)
            lines.append(f"- {entry.row}, {entry.dataset}, seed {seeds}: {reason}")
    return ["## Without a run", "", *lines, ""] if lines else []


def _source_lines(entries):
    lines = ["## Where the numbers come from", ""]
    for entry in {(e.row, e.dataset): e for e in entries}.values():
        for s in entry.sources:
            lines.append(
                f"- {entry.row}, {entry.dataset}, seed {s['seed']}: {s['split']} split,"
                f" {s['images']} images, checkpoint {s['checkpoint']} ({s['checkpoint_rule']}),"
                f" {s['iterations']} iterations, class map {s['class_map']}, TensorFlow"
                f" {s.get('tensorflow', '?')}, commit {s.get('commit') or '?'}"
            )
    return lines


def _record(order, entry):
    numbers = {name: getattr(entry, name, None) for name in NUMBERS}
    numbers["n"] = len(entry.values)
    return {
        "table": order.table,
        "protocol": order.protocol,
        "budget": order.budget,
        "row": entry.row,
        "dataset": entry.dataset,
        "metric": entry.metric,
        **numbers,
    }


def to_csv(order, entries):
    """One line a number, fractions of 1, with its source and the reason where it is missing."""
    stream = io.StringIO()
    records = []
    for entry in entries:
        record = _record(order, entry)
        for name in ("split", "checkpoint_rule", "iterations", "class_map", "tensorflow", "commit"):
            record[name] = " ".join(sorted({str(s.get(name, "")) for s in entry.sources}))
        record["missing"] = "; ".join(f"seed {s}: {text}" for s, text in entry.missing.items())
        records.append({k: round(v, 6) if isinstance(v, float) else v for k, v in record.items()})
    writer = csv.DictWriter(stream, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()


def to_json(order, entries):
    """Everything: every value with its source."""
    records = [
        dict(_record(order, e), values=e.values, sources=e.sources, missing=e.missing)
        for e in entries
    ]
    return json.dumps({"heading": heading(order), "entries": records}, indent=1) + "\n"


def to_latex(order, entries):
    """A booktabs tabular a metric."""
    lines = [f"% {heading(order)}"]
    for metric in dict.fromkeys(entry.metric for entry in entries):
        own = [entry for entry in entries if entry.metric == metric]
        titles = " & ".join(_escaped(DATASETS[name].title) for name in order.datasets)
        lines += [f"% {metric}, percent", r"\begin{tabular}{l" + "r" * len(order.datasets) + "}"]
        lines += [r"\toprule", f" & {titles} \\\\", r"\midrule"]
        for row in _grid(order, own, lambda entry: cell_text(entry, r"$\pm$")):
            lines.append(" & ".join([_escaped(row[0])] + row[1:]) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _escaped(text):
    return text.replace("&", r"\&").replace("_", r"\_").replace("%", r"\%")


RENDERERS = {"md": to_markdown, "csv": to_csv, "tex": to_latex, "json": to_json}

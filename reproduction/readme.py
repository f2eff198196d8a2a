"""Makes the tables and figures of the READMEs from results/, the CSV files of reproduce.py.

    python -m reproduction.readme

A table stands below <!-- results FILE: METRIC, METRIC --> and ends with <!-- end -->. A file whose
table has an axis of its own gets a figure in imgs/ if a README shows it.
"""

import csv
import glob
import os
import re
import sys

from reproduction.collect import Entry
from reproduction.figure import axis_of, draw
from reproduction.render import cell_text, gain_text
from reproduction.tables import TABLES

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULTS = os.path.join(ROOT, "results")
README = os.path.join(ROOT, "README.md")
PAGES = (README, os.path.join(RESULTS, "README.md"))
_BLOCK = re.compile(r"(<!-- results (\S+): (.+?) -->\n)[\s\S]*?(<!-- end -->)")


def read(path):
    """The rows of a CSV file, a list of dict."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def entry_of(row):
    """A row of a CSV file as an Entry without sources."""
    values = dict(pair.split(":") for pair in row["values"].split())
    values = {int(seed): float(value) for seed, value in values.items()}
    published = float(row["published"]) if row["published"] else None
    return Entry(row["row"], row["dataset"], row["metric"], values, published, {}, [], {})


def table_of(rows, metrics):
    """A Markdown table: mean, deviation and number of runs, then the gain and its interval.

    Args:
      rows: list of dict, of `read`; with several data sets, each row's label names its own.
      metrics: list of str.

    Returns:
      str.
    """
    titles = [title for metric in metrics for title in (metric, "gain [95 % interval]")]
    lines = ["| " + " | ".join(["", *titles]) + " |", "|" + "---|" * (1 + len(titles))]
    has_several = len({row["dataset"] for row in rows}) > 1
    for name, dataset in dict.fromkeys((row["row"], row["dataset"]) for row in rows):
        own = {r["metric"]: r for r in rows if (r["row"], r["dataset"]) == (name, dataset)}
        label = f"{name}, {dataset}" if has_several else name
        cells = [text for m in metrics for text in (cell_text(entry_of(own[m])), _gain(own[m]))]
        lines.append("| " + " | ".join([label, *cells]) + " |")
    return "\n".join(lines) + "\n"


def _gain(row):
    numbers = [float(row[name]) for name in ("gain", "gain_low", "gain_high") if row[name]]
    return gain_text(numbers[0], numbers[1:]) if numbers else ""


def updated(text, folder=RESULTS):
    """A README with each table made anew.

    Args:
      text: str.
      folder: str, that of the CSV files.

    Returns:
      str.
    """

    def filled(found):
        start, name, metrics, end = found.groups()
        return start + table_of(read(os.path.join(folder, name)), metrics.split(", ")) + end

    return _BLOCK.sub(filled, text)


def main():
    """Writes the READMEs and the figures."""
    shown = ""
    for page in PAGES:
        with open(page, encoding="utf-8") as file:
            text = updated(file.read())
        with open(page, "w", encoding="utf-8") as file:
            file.write(text)
        shown += text
    for path in sorted(glob.glob(os.path.join(RESULTS, "*.csv"))):
        name = os.path.splitext(os.path.basename(path))[0] + ".png"
        rows = read(path)
        table = TABLES[rows[0]["table"]]
        if table.x and f"imgs/{name}" in shown:
            entries = [entry_of(row) for row in rows]
            axis = axis_of(table, table.rows)
            draw(os.path.join(ROOT, "imgs", name), table.title, entries, *axis)


if __name__ == "__main__":
    sys.exit(main())

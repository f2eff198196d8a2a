"""Runs the benchmarks and writes benchmarks/RESULTS.md.

    python -m benchmarks [--only NAME ...]

Each TensorFlow has its own section there; with --only, the other rows of the section stay.
`timing_analysis` (figure 12) and `label_errors` write or print their own results.
"""

import argparse
import datetime
import os
import platform
import re
import sys

import numpy as np

from benchmarks import (
    embedding_layer,
    evaluation,
    export,
    input_pipeline,
    losses,
    peer,
    profile_step,
    retrieval,
    scaling,
    startup,
    step_time,
)
from benchmarks.turns import lines_of
from utils.errors import UserError
from utils.tf1 import TENSORFLOW_VERSION

# Name -> function that returns a list of turns.Row, and its arguments for --quick.
_TINY = {"net": "mobile", "batch_size": 8, "rounds": 1}
BENCHMARKS = {
    "step_time": (step_time.measure, dict(_TINY, frame_size=32)),
    "precision": (
        step_time.measure_precision,
        {"nets": ["mobile"], "batch_size": 8, "frame_size": 32, "rounds": 1},
    ),
    "waiting": (profile_step.measure_waiting, dict(_TINY, frame_size=32)),
    "input_pipeline": (input_pipeline.measure, {"images": 64, "turns": 1}),
    "embedding_layer": (embedding_layer.measure, {"channels": 8, "rounds": 1}),
    "export": (export.measure, _TINY),
    "evaluation": (evaluation.measure, dict(_TINY, frame_size=32)),
    "retrieval": (retrieval.measure, {"images": 600, "turns": 1}),
    "losses": (losses.compare_with_loop, {"batch_size": 64, "rounds": 1}),
    "startup": (startup.measure, {"images": 2000, "turns": 1}),
    "scaling": (scaling.measure, {"steps": 15, "rounds": 1}),
    "peer": (peer.measure, {"batch_sizes": [8], "rounds": 1}),
}
RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "RESULTS.md")
_HEADING = """# Benchmarks

Written by `python -m benchmarks`. What is compared takes turns; a ratio is the median over the
rounds, with the smallest and the largest.
"""
_COLUMNS = (
    "| benchmark | compared | ratio | range | promised | held | medians |\n" + 7 * "|---" + "|"
)


def machine():
    """One line: processor, cores, memory, system, versions, date and load."""
    info = {}
    for path in ("/proc/cpuinfo", "/proc/meminfo"):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                info.update(re.findall(r"(model name|MemTotal)\s*:\s*(.+)", file.read()))
    memory = f"{int(info['MemTotal'].split()[0]) / 2**20:.0f} GiB, " if "MemTotal" in info else ""
    return (
        f"{info.get('model name', platform.processor())}, {os.cpu_count()} cores, {memory}"
        f"{platform.system()} {platform.release()}; Python {platform.python_version()}, NumPy"
        f" {np.__version__}; {datetime.date.today()}, load {os.getloadavg()[0]:.1f} at the start."
    )


def updated(text, title, about, measured):
    """The results file with the new rows of one section.

    Args:
      text: str, the file's content; "" for a new one.
      title: str, of the section.
      about: str, its first paragraph.
      measured: dict from benchmark to its list of table lines.

    Returns:
      str.
    """
    parts = dict(re.findall(r"^## (.+)\n([\s\S]*?)(?=^## |\Z)", text, re.MULTILINE))
    kept = re.findall(r"^\| (\w+) \|.*$", parts.get(title, ""), re.MULTILINE)
    lines = re.findall(r"^\| \w+ \|.*$", parts.get(title, ""), re.MULTILINE)
    rows = {}
    for name, line in zip(kept, lines):
        if name in BENCHMARKS and name not in measured:
            rows.setdefault(name, []).append(line)
    rows.update(measured)
    table = [line for name in BENCHMARKS for line in rows.get(name, [])]
    parts[title] = "\n".join(["", about, "", _COLUMNS, *table, "", ""])
    sections = [f"## {name}\n{parts[name]}" for name in sorted(parts, reverse=True)]
    return (_HEADING + "\n" + "".join(sections)).rstrip("\n") + "\n"


def _table_lines(name, quick):
    """Runs one benchmark and prints its rows: their lines in the file."""
    measure, smaller = BENCHMARKS[name]
    try:
        rows = measure(**(smaller if quick else {}))
    except UserError as error:
        print(f"{name}: {error}", flush=True)
        return [f"| {name} | {error} | | | | | |"]
    for line in lines_of(rows):
        print(f"{name}: {line}", flush=True)
    return ["| " + " | ".join((name, *row.cells)) + " |" for row in rows]


def main(argv=None):
    """Runs what is asked for and writes the file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=tuple(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="tiny sizes; tries them all out")
    parser.add_argument("--out", default=RESULTS, help="[default benchmarks/RESULTS.md]")
    args = parser.parse_args(argv)
    about = machine()
    text = ""
    if os.path.exists(args.out):
        with open(args.out, encoding="utf-8") as file:
            text = file.read()
    for name in args.only:
        measured = {name: _table_lines(name, args.quick)}
        text = updated(text, f"TensorFlow {TENSORFLOW_VERSION}", about, measured)
        with open(args.out, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main())

"""Reads a run's metrics.csv and advice.json for its report."""

import csv
import os

from evaluation.files import printable
from utils import advice_file

HISTORY = "metrics.csv"


def history(folder):
    """The rows of a run's metrics.csv, list of dict of str; empty if there is none."""
    path = os.path.join(folder, HISTORY)
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def advice(folder):
    """The advice of a run, with its step and numbers, see `utils.advice_file`.

    Args:
      folder: str, the run folder.

    Returns:
      list of str, empty if there is none.

    Raises:
      UserError: the file is damaged.
    """
    return printable(map(_as_text, advice_file.read(folder)))


def _as_text(entry):
    numbers = (f"{name} {_short(value)}" for name, value in entry["numbers"].items())
    return f"Step {entry['step']}: {entry['sentence']} ({', '.join(numbers)})."


def _short(value):
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""Reads a run's metrics.csv and advice.json."""

import csv
import json
import os

from evaluation.files import printable
from utils.errors import UserError

HISTORY, ADVICE = "metrics.csv", "advice.json"


def history(folder):
    """The rows of a run's metrics.csv, list of dict of str; empty if there is none."""
    path = os.path.join(folder, HISTORY)
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def advice(folder):
    """Reads a run's advice.json, a list of sentences.

    Args:
      folder: str, the run folder.

    Returns:
      list of str, empty if there is no such file.

    Raises:
      UserError: the file is not such a list.
    """
    path = os.path.join(folder, ADVICE)
    if not os.path.exists(path):
        return []
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise UserError(f"{path} is not a list of sentences; delete it and write the report again")
    return printable(found)

"""advice.json of a run: what training noticed, each with its sentence and its numbers."""

import json
import os

from utils.errors import UserError
from utils.logs import LOGGER
from utils.run_dir import ADVICE_FILE, keep_damaged, write_json


def read(folder):
    """Reads the advice that a run has given so far.

    Args:
      folder: str, the run folder.

    Returns:
      list of dict with `name` and `sentence`, str; `step`, int; and `numbers`, dict from name to
      number, str or list of str. Empty if there is no such file.

    Raises:
      UserError: the file is not such a list.
    """
    path = os.path.join(folder, ADVICE_FILE)
    if not os.path.exists(path):
        return []
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(map(_is_advice, found)):
        raise UserError(f"{path} is not a list of advice; delete it and run the same command again")
    return found


def read_or_move_away(folder):
    """Like `read`; keeps a damaged file under another name, says so and returns an empty list."""
    try:
        return read(folder)
    except UserError:
        path = os.path.join(folder, ADVICE_FILE)
        LOGGER.warning("%s is damaged: it is kept as %s", path, keep_damaged(path))
        return []


def _is_advice(entry):
    kinds = {"name": str, "sentence": str, "step": int, "numbers": dict}
    return isinstance(entry, dict) and all(isinstance(entry.get(k), v) for k, v in kinds.items())


def add(folder, name, step, sentence, numbers):
    """Adds an entry; replaces the earlier one of the same name.

    Args:
      folder: str, the run folder, whose advice.json can be read.
      name: str.
      step: int.
      sentence: str.
      numbers: dict from name to float, int, str or list of str; nan and infinity are written as
        text.
    """
    entry = dict(name=name, step=step, sentence=sentence, numbers=_plain(numbers))
    others = [earlier for earlier in read(folder) if earlier["name"] != name]
    write_json(os.path.join(folder, ADVICE_FILE), [*others, entry])


def _plain(numbers):
    """The numbers with nan and infinity, which JSON lacks, as text."""
    return json.loads(json.dumps(numbers), parse_constant=str)

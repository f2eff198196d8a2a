"""Writes the runs of a table as a shell file or a SLURM array job for another machine."""

import os
import re
import shlex

from reproduction.runner import command_of
from utils.errors import UserError

_SLURM = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --gres=gpu:1
sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {lines} | bash
"""


def emit(cells, kind, path):
    """Writes commands for the unfinished cells, to run on another machine.

    Args:
      cells: list of reproduction.cells.Cell, the unfinished ones.
      kind: "shell", a file with one command line per cell, or "slurm", an array job over such a
        file.
      path: str, without extension.

    Returns:
      list of str, the files written.

    Raises:
      UserError: there is nothing to do, a path has a line break, or the files can't be written.
    """
    if not cells:
        raise UserError("no cell is left to run, so there is nothing to write")
    path = os.path.abspath(path)
    commands = [command_of(cell) for cell in cells]
    for word in (path, os.getcwd(), *sum(commands, [])):
        if re.search(r"[\0-\x1f\x7f]", word):
            raise UserError(
                f"{word!r} has a line break or another control character, which can't go into"
                " a shell file; rename it"
            )
    here = shlex.quote(os.getcwd())
    lines = [f"cd {here} && {' '.join(map(shlex.quote, words))}\n" for words in commands]
    files = {path + ".sh": "".join(lines)}
    if kind == "slurm":
        name = re.sub(r"[^\w.-]", "_", os.path.basename(path))
        files[path + ".slurm"] = _SLURM.format(
            name=name, last=len(cells) - 1, lines=shlex.quote(path + ".sh")
        )
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        for name, text in files.items():
            with open(name, "wb") as file:
                file.write(os.fsencode(text))
    except OSError as error:
        raise UserError(f"{error.filename} can't be written: {error.strerror}") from None
    return sorted(files)

"""Reads MATLAB files in a separate process, as a damaged file may crash or hang it.

SciPy's reader trusts the offsets and sizes in a file, so wrong ones can make it read outside its
memory (github.com/scipy/scipy/issues/6072).
"""

import json
import os
import subprocess
import sys

TIMEOUT_SECONDS = 120
_READER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mat_reader.py")


def load(path, names):
    """Reads variables of a MATLAB file.

    Args:
      path: str.
      names: collection of str.

    Returns:
      dict from name to variable, for those that exist, see `mat_reader.answer`, and str, why the
      file can't be read, or None.
    """
    try:
        status, output = _run([_READER, os.path.abspath(path), *names])
        answer = json.loads(output)
    except subprocess.TimeoutExpired:
        return {}, f"reading it takes more than {TIMEOUT_SECONDS} seconds"
    except ValueError:
        return {}, f"its reader exited with status {status}"
    return ({}, answer) if isinstance(answer, str) else (answer, None)


def _run(words):
    """Runs Python; its exit status and output."""
    done = subprocess.run(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=TIMEOUT_SECONDS,
    )
    return done.returncode, done.stdout.decode("ascii", "replace")

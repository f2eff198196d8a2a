"""Reads MATLAB files in a separate process, as a damaged file may crash or hang it.

SciPy's reader trusts the offsets and sizes in a file, so wrong ones can make it read outside its
memory (github.com/scipy/scipy/issues/6072).
"""

import os
import pickle
import subprocess
import sys

TIMEOUT_SECONDS = 120
_CODE = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
import scipy.io
try:
    found = scipy.io.loadmat(sys.argv[1], variable_names=sys.argv[2:])
    answer = {name: value for name, value in found.items() if name in sys.argv[2:]}
except Exception as error:
    answer = (str(error) or repr(error)).splitlines()[0]
sys.stdout.buffer.write(pickle.dumps(answer))
"""


def load(path, names):
    """Reads variables of a MATLAB file.

    Args:
      path: str.
      names: collection of str.

    Returns:
      dict from name to what SciPy reads, for the variables that exist, and str, why the file can't
      be read, or None.
    """
    command = [sys.executable, "-c", _CODE, os.path.abspath(path), *names]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIMEOUT_SECONDS
        )
        answer = pickle.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {}, f"reading it takes more than {TIMEOUT_SECONDS} seconds"
    except (pickle.UnpicklingError, EOFError):
        return {}, f"its reader exited with status {done.returncode}"
    return ({}, answer) if isinstance(answer, str) else (answer, None)

"""Prints variables of a MATLAB file as JSON; `mat_file` runs this in a process of its own."""

import json
import resource
import sys
import warnings

import numpy as np
import scipy.io

MOST_BYTES = 4 << 30  # of memory; a small compressed file may claim to hold more


def answer(path, names):
    """Reads variables of a MATLAB file.

    Args:
      path: str.
      names: collection of str.

    Returns:
      str, JSON: a dict from name to variable for those that exist, or a str, why the file can't be
      read. A variable is a list of its values, null for what is none, or, for records, a dict from
      field to such a list.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = scipy.io.loadmat(path, variable_names=list(names))
        return json.dumps({name: _variable(found[name]) for name in names if name in found})
    except Exception as error:
        return json.dumps((str(error) or repr(error)).splitlines()[0])


def _variable(array):
    fields = getattr(array, "dtype", None) and array.dtype.names
    if fields:
        return {field: _values(array[field]) for field in fields}
    return _values(array)


def _values(array):
    return [_value(cell) for cell in np.ravel(array)]


def _value(cell):
    """The first value of a cell, None if it has none."""
    values = np.ravel(cell)
    first = values[0] if values.size else None
    first = first.item() if isinstance(first, np.generic) else first
    return first if isinstance(first, (int, float, str)) else None


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    sys.stdout.write(answer(sys.argv[1], sys.argv[2:]))

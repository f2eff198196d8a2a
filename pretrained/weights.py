"""Restores weights from a slim checkpoint, or an .npz with slim names, and reports on it."""

import os
from typing import NamedTuple, Tuple

from pretrained.npz import open_npz
from utils.checkpoint_reader import open_reader
from utils.errors import UserError


class RestoreReport(NamedTuple):
    """Variables of a network compared with those of a file, by name.

    Attributes:
      restored: in both, with the same shape.
      new: in the network only, or part of a head that depends on the class count.
      different_shape: in both, with different shapes; they keep their initial values.
      unused: in the file only.
    """

    restored: Tuple[str, ...]
    new: Tuple[str, ...]
    different_shape: Tuple[str, ...]
    unused: Tuple[str, ...]

    def lines(self, most=8):
        """List of str for the log: the number of each, and at most `most` of their names."""
        texts = []
        for kind, names in self._asdict().items():
            shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
            listed = f": {shown}" if names and kind != "restored" else ""
            texts.append(f"{len(names)} variables {kind.replace('_', ' ')}{listed}")
        return texts

    def layers_without_weights(self):
        """List of str: layers with restored batch normalisation but not weights."""
        normalised = {n.rsplit("/BatchNorm/", 1)[0] for n in self.restored if "/BatchNorm/" in n}
        missing = {n.rsplit("/", 1)[0] for n in self.new + self.different_shape}
        return sorted(normalised & missing)


def open_weights(path):
    """Opens a file of weights.

    Args:
      path: str, the prefix of a TensorFlow checkpoint, or an .npz.

    Returns:
      dict from variable name to shape (tuple), and a function from name to array, which also raises
      a UserError if the values are damaged.

    Raises:
      UserError: there is no such file, or it can't be read as either.
    """
    if not path.endswith(".npz"):
        return open_reader(path)
    if not os.path.isfile(path):
        raise UserError(f"there is no file of weights {path}")
    return open_npz(path)


def scopes_of(names):
    """str, the outermost scopes of variables, for an error message."""
    scopes = sorted({name.split("/")[0] for name in names if "/" in name} - {"embedding"})
    return ", ".join(scopes[:3]) + (", ..." if len(scopes) > 3 else "") or "no variables"


def compare(shapes, variables, head_scopes):
    """Matches the variables of a network with those in a file.

    Args:
      shapes: dict from the names in the file to shapes.
      variables: list of tf.Variable, the network's and its heads'.
      head_scopes: iterable of str, scopes that are never restored.

    Returns:
      RestoreReport.
    """
    heads = tuple(scope + "/" for scope in head_scopes)
    kinds = {"restored": [], "new": [], "different_shape": []}
    for variable in variables:
        name = variable.op.name
        if name not in shapes or name.startswith(heads):
            kinds["new"].append(name)
        elif tuple(variable.shape.as_list()) != tuple(shapes[name]):
            kinds["different_shape"].append(name)
        else:
            kinds["restored"].append(name)
    used = set(kinds["restored"] + kinds["different_shape"])
    unused = sorted(name for name in shapes if name not in used)
    return RestoreReport(unused=tuple(unused), **{k: tuple(v) for k, v in kinds.items()})


def restore(session, path, variables, head_scopes):
    """Loads every matching variable of a file into the session.

    Args:
      session: tf.Session, with `variables` initialised.
      path: str, see `open_weights`.
      variables: list of tf.Variable.
      head_scopes: iterable of str, scopes that are never restored.

    Returns:
      RestoreReport.

    Raises:
      UserError: the file can't be read, or nothing in it matches this network.
    """
    shapes, value_of = open_weights(path)
    report = compare(shapes, variables, head_scopes)
    if not report.restored:
        shared = len(report.different_shape)
        why = f", {shared} variables of different shape" if shared else ""
        own = scopes_of(v.op.name for v in variables)
        raise UserError(
            f"nothing in {path} matches this network: it holds {scopes_of(shapes)}{why}; the"
            f" network is {own}"
        )
    restored = [v for v in variables if v.op.name in set(report.restored)]
    # One run for all variables is far faster than one `Variable.load` each.
    feeds = {v.initializer.inputs[1]: value_of(v.op.name) for v in restored}
    session.run([v.initializer for v in restored], feeds)
    return report

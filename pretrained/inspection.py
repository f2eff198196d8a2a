"""Lists the variables in a file of weights, alone or compared with a network."""

import numpy as np

from pretrained.weights import compare, open_weights, scopes_of
from utils.tf1 import tf


def contents(path):
    """Describes a file of weights.

    Args:
      path: str, see `pretrained.weights.open_weights`.

    Returns:
      list of str: one line per variable with its shape, and the total.

    Raises:
      UserError: the file can't be read.
    """
    shapes, _ = open_weights(path)
    width = max(map(len, shapes), default=0)
    lines = [f"{name:{width}}  {list(shape)}" for name, shape in sorted(shapes.items())]
    numbers = sum(int(np.prod(shape, dtype=np.int64)) for shape in shapes.values())
    return lines + [f"{len(shapes)} variables, {numbers:,} numbers, of {scopes_of(shapes)}"]


def against(path, network, frame_size, head_scopes):
    """Describes what a run of a network would restore from a file of weights.

    Args:
      path: str, see `pretrained.weights.open_weights`.
      network: function of `nets.factory.network_fn`.
      frame_size: int, pixels per side.
      head_scopes: iterable of str, scopes that are never restored.

    Returns:
      list of str: how many variables are restored, new, of different shape and unused, and for all
      but the restored ones their names and shapes.

    Raises:
      UserError: the file can't be read.
    """
    shapes, _ = open_weights(path)
    with tf.Graph().as_default():
        network(tf.zeros([1, frame_size, frame_size, 3]), _class_count(shapes, head_scopes), False)
        variables = tf.model_variables()
    report = compare(shapes, variables, head_scopes)
    mine = {v.op.name: v.shape.as_list() for v in variables}
    lines = []
    for kind, names in report._asdict().items():
        lines.append(f"{len(names)} {kind.replace('_', ' ')}")
        if kind != "restored":
            lines += [f"  {name}{_shapes_text(name, shapes, mine)}" for name in names]
    return lines


def _class_count(shapes, head_scopes):
    """The class count of the file's logits, or the usual one."""
    for name, shape in shapes.items():
        if name.startswith(head_scopes[0] + "/") and len(shape) == 1:
            return shape[0]
    return 1000


def _shapes_text(name, shapes, mine):
    theirs, own = shapes.get(name), mine.get(name)
    if theirs is not None and own is not None and list(theirs) != own:
        return f"  {list(theirs)} in the file, {own} in the network"
    never = "" if theirs is None or own is None else ", a head: it depends on the class count"
    return f"  {list(own if own is not None else theirs)}{never}"

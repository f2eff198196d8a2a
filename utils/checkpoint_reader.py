"""Reading a checkpoint: the names, shapes and values of its variables."""

import functools
import os
import re

from utils import checkpoint_index
from utils.checkpoint_files import plain_prefix
from utils.errors import UserError, reason_of
from utils.tf1 import tf

# Errors that TensorFlow's reader raises, by release, for damaged files and other formats.
_UNREADABLE = (tf.errors.OpError, RuntimeError, ValueError, IndexError)


def refuse_part(path):
    """Refuses the path of one of a checkpoint's files instead of its prefix.

    Raises:
      UserError: it is such a file.
    """
    prefix = re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", path)
    if prefix != path:
        raise UserError(f"{path} is one file of a checkpoint; give its prefix, {prefix}")


def open_reader(prefix):
    """Opens a checkpoint in TensorFlow's current format or in the older one-file format.

    Args:
      prefix: str.

    Returns:
      dict from the name of each numeric variable to its shape (tuple), and a function from name to
      array, which raises a UserError if the values are damaged.

    Raises:
      UserError: there is no such checkpoint, or it can't be read.
    """
    refuse_part(prefix)
    if os.path.isdir(prefix):
        inside = sorted(name[:-6] for name in os.listdir(prefix) if name.endswith(".index"))
        example = os.path.join(prefix, inside[-1] if inside else "model.ckpt-1000")
        raise UserError(f"{prefix} is a folder; give the prefix of a checkpoint, such as {example}")
    if os.path.exists(prefix + ".index"):
        reason = checkpoint_index.damage(prefix)
        if reason is not None:
            raise UserError(f"{prefix} can't be read: {reason}")
    elif not os.path.exists(prefix):
        raise UserError(f"there is no checkpoint {prefix}")
    reader = _reading(prefix, tf.train.NewCheckpointReader, plain_prefix(prefix))
    shapes = _reading(prefix, lambda _: reader.get_variable_to_shape_map(), None)
    types = reader.get_variable_to_dtype_map()
    numbers = [name for name in shapes if types[name].is_floating or types[name].is_integer]
    value_of = functools.partial(_reading, prefix, reader.get_tensor)
    return {name: tuple(shapes[name]) for name in numbers}, value_of


def _reading(prefix, call, argument):
    try:
        return call(argument)
    except _UNREADABLE as error:
        reason = reason_of(error).split(": perhaps your file")[0].rstrip(".")
        raise UserError(
            f"{prefix} can't be read: it is damaged, truncated or not a checkpoint ({reason})"
        ) from None

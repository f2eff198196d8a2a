"""Saving, finding, opening and restoring checkpoints."""

import errno
import functools
import glob
import os
import re

from utils.errors import UserError
from utils.tf1 import tf

BEST = "best"
# What TensorFlow's reader raises, by release, for files that are damaged or are something else.
_UNREADABLE = (tf.errors.OpError, RuntimeError, ValueError, IndexError)


def latest(folder):
    """Prefix of the newest whole checkpoint of a folder; None where there is none."""
    return tf.train.latest_checkpoint(folder)


def _refuse_part(path):
    """A checkpoint is named by its prefix, not by one of its files."""
    prefix = re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", path)
    if prefix != path:
        raise UserError(f"{path} is a part of a checkpoint; give its prefix, {prefix}")


def open_reader(prefix):
    """Opens a checkpoint of TensorFlow's present format or of the older one-file format.

    Args:
      prefix: str.

    Returns:
      dict from variable name to shape (tuple), and a function from name to array, which raises a
      UserError, too, where the values are damaged.

    Raises:
      UserError: there is no such checkpoint, or it can't be read.
    """
    _refuse_part(prefix)
    if os.path.isdir(prefix):
        inside = latest(prefix) or os.path.join(prefix, "model.ckpt-1000")
        raise UserError(f"{prefix} is a folder; give the prefix of a checkpoint, as {inside}")
    if not (os.path.exists(prefix) or os.path.exists(prefix + ".index")):
        raise UserError(f"there is no checkpoint {prefix}")
    reader = _reading(prefix, tf.train.NewCheckpointReader, prefix)
    shapes = {name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()}
    return shapes, functools.partial(_reading, prefix, reader.get_tensor)


def _reading(prefix, call, argument):
    try:
        return call(argument)
    except _UNREADABLE as error:
        reason = str(error).split("\n")[0].split(": perhaps your file")[0].rstrip(".")
        raise UserError(
            f"{prefix} can't be read: it is damaged, cut off or no checkpoint ({reason})"
        ) from None


def find(run_dir, which):
    """Finds a checkpoint of a run.

    Args:
      run_dir: str.
      which: str, "last", "best", or the prefix of a checkpoint.

    Returns:
      str, its prefix.

    Raises:
      UserError: there is no such checkpoint.
    """
    folders = {"last": run_dir, BEST: os.path.join(run_dir, BEST)}
    if which in folders:
        prefix = latest(folders[which])
        if prefix is None:
            raise UserError(f"{folders[which]} holds no checkpoint; train the run first")
        return prefix
    _refuse_part(which)
    if not os.path.exists(which + ".index"):
        raise UserError(f"there is no checkpoint {which}; choose last, best or a prefix")
    return which


def step_of(prefix):
    """int, the training steps that a checkpoint has seen."""
    return int(tf.train.load_variable(prefix, "global_step"))


def restore(saver, session, prefix):
    """Restores a checkpoint.

    Args:
      saver: tf.train.Saver of the graph's variables.
      session: tf.Session.
      prefix: str.

    Raises:
      UserError: the checkpoint is damaged, or of another network.
    """
    shapes, _ = open_reader(prefix)
    for variable in tf.global_variables():
        name, shape = variable.op.name, tuple(variable.shape.as_list())
        if shapes.get(name) != shape:
            found = f"has {name} of shape {shapes[name]}" if name in shapes else f"has no {name}"
            raise UserError(
                f"{prefix} is of another network or class count: it {found}, this one has {shape}"
            )
    try:
        saver.restore(session, prefix)
    except (tf.errors.OpError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{prefix} can't be restored into this network: {reason}") from None


class RunSaver:
    """Keeps the newest checkpoints of a run and the best one."""

    def __init__(self, run_dir, filename, keep):
        """Takes the run folder, the checkpoints' name and how many of the newest to keep."""
        self._prefixes = [os.path.join(run_dir, filename), os.path.join(run_dir, BEST, filename)]
        self.last = tf.train.Saver(max_to_keep=keep, save_relative_paths=True)
        self._best = tf.train.Saver(max_to_keep=1, save_relative_paths=True)

    def save(self, session, step):
        """Saves the state after `step` steps."""
        self._save(self.last, session, self._prefixes[0], step)

    def save_best(self, session, step):
        """Saves it as the best so far, too."""
        os.makedirs(os.path.dirname(self._prefixes[1]), exist_ok=True)
        self._save(self._best, session, self._prefixes[1], step)

    def _save(self, saver, session, prefix, step):
        try:
            saver.save(session, prefix, global_step=step, write_meta_graph=False)
        except (tf.errors.OpError, OSError, ValueError) as error:
            for part in glob.glob(f"{glob.escape(prefix)}-{step}.*tempstate*"):
                os.remove(part)
            full = os.strerror(errno.ENOSPC)
            reason = full if full in str(error) else str(error).strip().splitlines()[0]
            raise UserError(
                f"the checkpoint {prefix}-{step} can't be written ({reason}); the earlier ones are"
                " whole: make room and run the same command again"
            ) from None

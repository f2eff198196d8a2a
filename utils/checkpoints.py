"""Saving, finding, opening and restoring checkpoints."""

import errno
import os
import time

from utils import checkpoint_files, checkpoint_index
from utils.checkpoint_reader import open_reader, refuse_part
from utils.errors import MachineError, UserError, reason_of, system_reason
from utils.logs import LOGGER
from utils.tf1 import tf

BEST = "best"
NAME = "model.ckpt"
# The variable that checkpoints of earlier versions lack, or have for other terms.
INTERVAL = "interval"
# Ends the name of a variable that holds another one's average, as TensorFlow's class names it.
AVERAGE = "ExponentialMovingAverage"
_FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT))
PAUSES = (1, 10)  # seconds before a failed save is tried again


def latest(folder, name=NAME):
    """Prefix of the newest checkpoint with all its files, or None.

    Its tensors are not read; `newest_whole` does that.
    """
    whole = (p for p in checkpoint_files.prefixes(folder, name) if not checkpoint_index.damage(p))
    return next(whole, None)


def newest_whole(folder, name=NAME):
    """Finds the newest intact checkpoint: every tensor can be read and matches its checksum.

    Args:
      folder: str.
      name: str, the checkpoints' name before the step.

    Returns:
      str, its prefix, or None; and a list of (prefix, what is wrong) of the newer, damaged ones.
    """
    damaged = []
    for prefix in checkpoint_files.prefixes(folder, name):
        reason = _damage(prefix)
        if reason is None:
            return prefix, damaged
        damaged.append((prefix, reason))
    return None, damaged


def _damage(prefix):
    """What is wrong with a checkpoint; None if every tensor can be read."""
    if not os.path.exists(prefix + ".index"):
        return f"{prefix}.index is missing"
    try:
        shapes, value_of = open_reader(prefix)
        for name in shapes:
            value_of(name)
    except UserError as error:
        return str(error)
    return None


def last_whole(folder, name=NAME):
    """The checkpoint to resume from; logs a warning for each newer one that is damaged.

    Args:
      folder: str.
      name: str, the checkpoints' name before the step.

    Returns:
      str, its prefix; None if the folder has no checkpoint at all.

    Raises:
      UserError: there are checkpoints, and all of them are damaged.
    """
    prefix, damaged = newest_whole(folder, name)
    if prefix is None and damaged:
        reasons = "; ".join(reason for _, reason in damaged)
        raise UserError(
            f"{folder} has only damaged checkpoints ({reasons}): restore one from a backup, or"
            " start over with --on_exist overwrite"
        )
    for _, reason in damaged:
        LOGGER.warning("%s; the newest intact checkpoint is %s", reason, prefix)
    return prefix


def find(run_dir, checkpoint, name=NAME):
    """Finds a checkpoint of a run.

    Args:
      run_dir: str.
      checkpoint: str, "last", "best", or the prefix of a checkpoint.
      name: str, the checkpoints' name before the step.

    Returns:
      str, its prefix; for "last" and "best" that of the newest intact one.

    Raises:
      UserError: there is no such checkpoint, or it is damaged.
    """
    if checkpoint == "last":
        prefix = last_whole(run_dir, name)
        if prefix is None:
            raise UserError(f"{run_dir} holds no checkpoint; train the run first")
        return prefix
    if checkpoint == BEST:
        return _find_best(run_dir, name)
    refuse_part(checkpoint)
    if not os.path.exists(checkpoint + ".index"):
        raise UserError(f"there is no checkpoint {checkpoint}; choose last, best or a prefix")
    return checkpoint


def _find_best(run_dir, name):
    folder = os.path.join(run_dir, BEST)
    prefix, damaged = newest_whole(folder, name)
    if prefix is not None:
        return prefix
    if latest(run_dir, name) is None:
        raise UserError(f"{run_dir} holds no checkpoint; train the run first")
    reason = damaged[0][1] if damaged else f"{folder} holds no checkpoint"
    raise UserError(
        f"the best checkpoint of the run is gone ({reason}); eval.py --checkpoint last evaluates"
        " the last one"
    )


def step_of(prefix):
    """int, the training step of a checkpoint."""
    return int(open_reader(prefix)[1]("global_step"))


def restore(saver, session, prefix):
    """Restores a checkpoint.

    A variable takes its average, if the checkpoint has one and the graph does not.

    Args:
      saver: tf.train.Saver of the graph's variables.
      session: tf.Session, which keeps its own value of `INTERVAL` if the checkpoint has none.
      prefix: str.

    Raises:
      UserError: the checkpoint is damaged, or belongs to another network.
    """
    shapes, _ = open_reader(prefix)
    variables = {v.op.name: v for v in tf.global_variables()}
    sources = {name: _source_of(name, variables, shapes) for name in variables}
    for name, variable in variables.items():
        source, shape = sources[name], tuple(variable.shape.as_list())
        if shapes.get(source) != shape and name == INTERVAL:
            del sources[name]
        elif shapes.get(source) != shape:
            stored = f"{source} of shape {shapes.get(source)}"
            found = f"has {stored}" if source in shapes else f"has no {source}"
            raise UserError(
                f"{prefix} is of another network or class count: it {found}, this one has {shape}"
            )
    if sources != {name: name for name in variables}:
        saver = tf.train.Saver({source: variables[name] for name, source in sources.items()})
    try:
        saver.restore(session, checkpoint_files.plain_prefix(prefix))
    except (tf.errors.OpError, OSError, ValueError) as error:
        reason = reason_of(error)
        raise UserError(f"{prefix} can't be restored into this network: {reason}") from None


def _source_of(name, variables, shapes):
    """The name in a checkpoint of what a variable restores: its average, or itself."""
    average = f"{name}/{AVERAGE}"
    return average if average in shapes and average not in variables else name


class RunSaver:
    """Keeps the newest checkpoints of a run and the best one."""

    def __init__(self, run_dir, filename, keep, variables=None, writes=True):
        """Takes the run folder, the checkpoints' name and how many of the newest to keep.

        Removes the files of an interrupted save. `variables` is a dict from name to the tf.Variable
        to save, default all. With `writes` False, another process removes and saves.
        """
        self._run_dir, self._filename, self._keep = run_dir, filename, keep
        self._writes = writes
        self._saver = tf.train.Saver(variables, max_to_keep=None, save_relative_paths=True)
        if not writes:
            return
        for folder in (run_dir, os.path.join(run_dir, BEST)):
            checkpoint_files.remove_unfinished(folder, filename)

    def save(self, session, step):
        """Saves the state after `step` steps."""
        self._save(session, self._run_dir, step, self._keep)

    def save_best(self, session, step):
        """Saves the state as the best so far, too."""
        self._save(session, os.path.join(self._run_dir, BEST), step, 1)

    def _save(self, session, folder, step, keep):
        if not self._writes:
            return
        prefix = os.path.join(folder, self._filename)
        for seconds in (*PAUSES, None):
            reason = self._try_to_save(session, folder, prefix, step)
            if reason is None:
                checkpoint_files.remove_old(folder, self._filename, step, keep)
                return
            if seconds is not None:
                text = "the checkpoint %s-%d can't be written (%s): trying again in %d s"
                LOGGER.warning(text, prefix, step, reason, seconds)
                time.sleep(seconds)
        advice = "free some space" if reason in _FULL else "mend that"
        raise MachineError(
            f"the checkpoint {prefix}-{step} can't be written ({reason}), tried"
            f" {len(PAUSES) + 1} times; earlier ones are intact: {advice} and run the same command"
            " again"
        )

    def _try_to_save(self, session, folder, prefix, step):
        """Why the checkpoint can't be written, str; None if it has been."""
        if not os.path.isdir(self._run_dir):  # TensorFlow would recreate it
            raise MachineError(
                f"the checkpoint {prefix}-{step} can't be written: {self._run_dir} is gone"
            )
        try:
            os.makedirs(folder, exist_ok=True)
            self._saver.save(session, prefix, global_step=step, write_meta_graph=False)
            return None
        except (tf.errors.OpError, OSError, ValueError) as error:
            checkpoint_files.remove_unfinished(folder, self._filename)
            return system_reason(error)

"""The log, metrics.csv, TensorBoard events and the progress bar of a run."""

import contextlib
import csv
import logging
import os
import socket
import sys
import time

from tqdm import tqdm

from utils.errors import MachineError, UserError, system_reason, writing_to
from utils.run_dir import keep_damaged
from utils.tf1 import tf

LOGGER = logging.getLogger("two_head")
METRICS_FILE = "metrics.csv"


class _TerminalHandler(logging.Handler):
    """Writes above the progress bar, if there is one; if nobody reads on, the file has it all."""

    def emit(self, record):
        with contextlib.suppress(OSError):
            tqdm.write(self.format(record), file=sys.stderr)


class _LogFile(logging.FileHandler):
    """Stops a run if its log can't be written; logging would print a traceback and continue."""

    def handleError(self, record):  # noqa: N802 - logging's name
        with writing_to(self.baseFilename):
            raise


def start_log(path=None):
    """Sends the log to the terminal and, given a path, appends it to that file.

    Args:
      path: str or None.

    Returns:
      logging.Logger.

    Raises:
      UserError: the file can't be written.
    """
    stop_log()
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    handlers = [_TerminalHandler()]
    if path is not None:
        handlers.append(_open_log(path))
    for handler, style in zip(handlers, ("%(message)s", "%(asctime)s %(message)s")):
        handler.setFormatter(logging.Formatter(style, "%Y-%m-%d %H:%M:%S"))
        LOGGER.addHandler(handler)
    return LOGGER


def _open_log(path):
    try:
        return _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise UserError(f"the log {path} can't be written: {error.strerror}") from None


@contextlib.contextmanager
def logging_to(path=None):
    """`start_log` for a with-block, which gets the Logger."""
    try:
        yield start_log(path)
    finally:
        stop_log()


def stop_log():
    """Closes what `start_log` opened."""
    for handler in list(LOGGER.handlers):
        LOGGER.removeHandler(handler)
        handler.close()
    LOGGER.propagate = True


def progress_bar(total, done):
    """A tqdm bar over training steps on a terminal; nothing where the output is not a terminal."""
    return tqdm(
        total=total,
        initial=done,
        unit="step",
        dynamic_ncols=True,
        disable=not sys.stderr.isatty(),
        file=sys.stderr,
    )


class _Events:
    """A TensorBoard events file; tf.summary.FileWriter would lose errors, or print tracebacks."""

    def __init__(self, folder):
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
        self._path = os.path.join(folder, name)
        self._writer = tf.io.TFRecordWriter(self._path)
        self.add(file_version="brain.Event:2")

    def add(self, **values):
        event = tf.Event(wall_time=time.time(), **values)
        try:
            self._writer.write(event.SerializeToString())
            self._writer.flush()
        except tf.errors.OpError as error:
            raise MachineError(
                f"{self._path} can't be written: {system_reason(error)}; mend that and run the same"
                " command again"
            ) from None

    def close(self):
        with contextlib.suppress(tf.errors.OpError):
            self._writer.close()


class MetricsLog:
    """metrics.csv and TensorBoard events of one run, one row per (step, split).

    A context manager that closes both.

    Attributes:
      columns: list of str, the header of metrics.csv; a row leaves columns without a value empty.
    """

    def __init__(self, run_dir, columns, step):
        """Opens both for a run at step `step`; drops the rows of later steps.

        A damaged metrics.csv is kept under another name, and its intact rows are copied.

        Raises:
          UserError: metrics.csv can't be read.
        """
        self.columns = ["step", "split"] + list(columns)
        self._path = os.path.join(run_dir, METRICS_FILE)
        rows, is_damaged = _read_rows(self._path)
        if is_damaged or not set().union(*rows) <= set(self.columns):
            LOGGER.warning(
                "%s is damaged or has other columns: it is kept as %s, and its %d readable rows are"
                " copied",
                self._path, keep_damaged(self._path), len(rows),
            )  # fmt: skip
        self._write_rows(row for row in rows if int(row["step"]) <= step)
        self._run_dir, self._step, self._events = run_dir, step, None

    def _write_rows(self, rows):
        rows = list(rows)
        with open(self._path + ".tmp", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        os.replace(self._path + ".tmp", self._path)

    def write(self, step, split, values):
        """Adds a row.

        Args:
          step: int, steps done.
          split: str, "train" for a training batch.
          values: dict from column to float.

        Raises:
          ValueError: a value has no column.
        """
        row = dict({k: f"{v:.6g}" for k, v in values.items()}, step=step, split=split)
        with writing_to(self._path), open(self._path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns).writerow(row)
        if self._events is None:  # not before: a finished run that is started again has no row
            self._events = _Events(self._run_dir)
            started = tf.SessionLog(status=tf.SessionLog.START)
            self._events.add(step=self._step + 1, session_log=started)
        summary = tf.Summary()
        for name, value in values.items():
            summary.value.add(tag=f"{split}/{name}", simple_value=value)
        self._events.add(step=step, summary=summary)

    def close(self):
        """Closes the events file."""
        if self._events is not None:
            self._events.close()

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Closes the events file."""
        self.close()


class NoLog:
    """A MetricsLog of a run that another process writes."""

    def write(self, step, split, values):
        """Writes nothing."""

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Does nothing."""


def last_line(path):
    """The last line of what a program printed to a file, str."""
    with open(path, errors="replace") as file:
        lines = file.read().strip().splitlines()
    return lines[-1] if lines else "it printed nothing"


def read_metrics(run_dir):
    """Rows of metrics.csv as dicts of str, empty if there is no such file.

    Damaged rows are skipped.

    Raises:
      UserError: the file can't be read.
    """
    return _read_rows(os.path.join(run_dir, METRICS_FILE))[0]


def _read_rows(path):
    """The readable rows, and whether the file contains anything else."""
    if not os.path.lexists(path):
        return [], False
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            header, *lines = file.read().replace("\r\n", "\n").split("\n")
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
    names = header.split(",")
    found = [line.split(",") for line in lines if line]
    rows = [dict(zip(names, values)) for values in found if len(values) == len(names)]
    whole = [row for row in rows if _is_whole(row)]
    header_is_whole = _is_text(header) and len(set(names)) == len(names)
    return whole, len(whole) < len(found) or not header_is_whole


def _is_whole(row):
    """bool, whether a row has a step, a split, and only numbers or blanks elsewhere."""
    step, split = row.get("step", ""), row.get("split", "")
    others = (value for name, value in row.items() if name not in ("step", "split"))
    is_step = step.isascii() and step.isdigit() and len(step) < 19
    return is_step and split != "" and _is_text(split) and all(map(_is_number, others))


def _is_text(text):
    return text.isprintable() and "\ufffd" not in text


def _is_number(text):
    try:
        return text == "" or float(text) is not None
    except ValueError:
        return False

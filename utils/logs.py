"""What a run leaves to read: the log, metrics.csv, TensorBoard events and the progress bar."""

import csv
import logging
import os
import sys

from tqdm import tqdm

from utils.tf1 import tf

LOGGER = logging.getLogger("two_head")


class _TerminalHandler(logging.Handler):
    """Writes above the progress bar, where there is one."""

    def emit(self, record):
        tqdm.write(self.format(record), file=sys.stderr)


class _LogFile(logging.FileHandler):
    """Ends a run whose log can't be written, where logging would print a traceback and go on."""

    def handleError(self, record):  # noqa: N802 - logging's name
        raise


def start_log(path=None):
    """Sends the log to the terminal and, with a path, to the end of that file too.

    Args:
      path: str or None.

    Returns:
      logging.Logger.
    """
    stop_log()
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    handlers = [_TerminalHandler()]
    if path is not None:
        handlers.append(_LogFile(path, encoding="utf-8"))
    for handler, style in zip(handlers, ("%(message)s", "%(asctime)s %(message)s")):
        handler.setFormatter(logging.Formatter(style, "%Y-%m-%d %H:%M:%S"))
        LOGGER.addHandler(handler)
    return LOGGER


def stop_log():
    """Closes what `start_log` opened."""
    for handler in list(LOGGER.handlers):
        LOGGER.removeHandler(handler)
        handler.close()


def progress_bar(total, done):
    """A tqdm bar over training steps on a terminal; nothing where the output is no terminal."""
    return tqdm(
        total=total,
        initial=done,
        unit="step",
        dynamic_ncols=True,
        disable=not sys.stderr.isatty(),
        file=sys.stderr,
    )


class MetricsLog:
    """metrics.csv and TensorBoard events of one run, one row a (step, split).

    Attributes:
      columns: list of str, the header of metrics.csv; a row leaves empty what it does not have.
    """

    def __init__(self, run_dir, columns, step):
        """Opens both for a run that stands at `step`; rows of later steps are dropped."""
        self.columns = ["step", "split"] + list(columns)
        self._path = os.path.join(run_dir, "metrics.csv")
        self._write_rows(row for row in read_metrics(run_dir) if int(row["step"]) <= step)
        self._events = tf.summary.FileWriter(run_dir)
        started = tf.SessionLog(status=tf.SessionLog.START)
        self._events.add_session_log(started, step + 1)

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
        """
        row = dict({k: f"{v:.6g}" for k, v in values.items()}, step=step, split=split)
        with open(self._path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, extrasaction="ignore").writerow(row)
        summary = tf.Summary()
        for name, value in values.items():
            summary.value.add(tag=f"{split}/{name}", simple_value=value)
        self._events.add_summary(summary, step)
        self._events.flush()

    def close(self):
        """Closes the events file."""
        self._events.close()


def read_metrics(run_dir):
    """Rows of metrics.csv as dicts of str, none where there is no such file."""
    path = os.path.join(run_dir, "metrics.csv")
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))

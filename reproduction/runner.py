"""Running the cells: one after the other on a device, never two at once on one cell."""

import contextlib
import fcntl
import os
import queue
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from reproduction.state import DONE, MISSING, states_of
from utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def command_of(cell):
    """The words of a cell's command, which trains it, goes on with it, or only evaluates it."""
    words = [sys.executable, os.path.join(ROOT, "main.py")]
    for name, value in cell.given.items():
        words += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
    for name in ("datasets_dir", "pretrained_dir", "runs_dir"):
        words += [f"--{name}", getattr(cell.config, name)]
    return words


@contextlib.contextmanager
def _locked(path, wait):
    """Holds the lock of a run; yields its file, or None where another process holds it.

    The lock goes over to the child process: after a kill -9 of this one it is held as long as the
    orphaned run is at work.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield None
            return
        yield file


class Runner:
    """Runs cells on devices, as many at once as there are."""

    def __init__(self, gpus, say):
        """Takes the devices (list of str) and a function of one str, for progress."""
        self._free = queue.Queue()
        for gpu in gpus:
            self._free.put(gpu)
        self._num_gpus = len(gpus)
        self._say = say
        self._children = set()
        self._stopped = False

    def run_all(self, cells):
        """Runs what is to do.

        Args:
          cells: list of reproduction.cells.Cell.

        Returns:
          dict from a cell's run folder to the reason why it failed.
        """
        failed, busy = {}, []
        self._run_batch(_to_do(cells), False, failed, busy)
        # What another process was running is waited for, and run if that process gave it up.
        self._run_batch(busy, True, failed, busy)
        return failed

    def _run_batch(self, cells, wait, failed, busy):
        def work(cell):
            result = self._run(cell, wait)
            if result == "busy":
                busy.append(cell)
            elif result != "done":
                failed[cell.config.run_dir] = result
                self._say(f"{cell.name}: {result}")

        with ThreadPoolExecutor(self._num_gpus) as pool:
            try:
                for future in [pool.submit(work, cell) for cell in list(cells)]:
                    future.result()
            except KeyboardInterrupt:
                self._stop()
                raise

    def _stop(self):
        """Lets the runs save and end, and begins no more."""
        self._stopped = True
        for child in list(self._children):
            child.send_signal(signal.SIGTERM)

    def _run(self, cell, wait):
        """Runs a cell: "done", "busy" where another process is at it, or why it failed."""
        with _locked(cell.config.run_dir + ".lock", wait) as lock:
            if lock is None:
                return "busy"
            if self._stopped:
                return "stopped before it began"
            if states_of([cell])[0].kind == DONE:
                return "done"
            gpu = self._free.get()
            try:
                return self._train(cell, gpu, lock)
            finally:
                self._free.put(gpu)

    def _train(self, cell, gpu, lock):
        log_path = cell.config.run_dir + ".out"
        self._say(f"{cell.name}: running, {log_path}")
        words = [*command_of(cell), "--gpu", gpu]
        with open(log_path, "a") as log:
            child = subprocess.Popen(words, stdout=log, stderr=log, pass_fds=(lock.fileno(),))
            self._children.add(child)
            code = child.wait()
            self._children.discard(child)
        if code == 0:
            return "done"
        with open(log_path, errors="replace") as log:
            lines = log.read().strip().splitlines() or ["nothing was printed"]
        return f"main.py ended with code {code}: {lines[-1]}"


def _to_do(cells):
    return [c for c, s in zip(cells, states_of(cells)) if s.kind not in (DONE, MISSING)]


SLURM = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --gres=gpu:1
sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {lines} | bash
"""


def emit(cells, kind, path):
    """Writes the cells that are to do for somebody else to run.

    Args:
      cells: list of reproduction.cells.Cell.
      kind: "shell", a file of one command line a cell, or "slurm", an array job over such a file.
      path: str, without an ending.

    Returns:
      list of str, the files written.

    Raises:
      UserError: nothing is to do.
    """
    todo = _to_do(cells)
    if not todo:
        raise UserError("no cell is to do here, so there is nothing to write")
    path = os.path.abspath(path)
    here = shlex.quote(os.getcwd())
    lines = [" ".join(map(shlex.quote, command_of(cell))) for cell in todo]
    files = {path + ".sh": "".join(f"cd {here} && {line}\n" for line in lines)}
    if kind == "slurm":
        name = os.path.basename(path)
        job = SLURM.format(name=name, last=len(todo) - 1, lines=shlex.quote(path + ".sh"))
        files[path + ".slurm"] = job
    os.makedirs(os.path.dirname(path), exist_ok=True)
    for name, text in files.items():
        with open(name, "w") as file:
            file.write(text)
    return sorted(files)

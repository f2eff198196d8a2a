"""Runs the cells, one at a time per device, with a lock on each cell."""

import contextlib
import fcntl
import os
import queue
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from reproduction.state import DONE, cells_to_do, states_of
from utils.errors import Interrupted
from utils.logs import last_line

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_BUSY, _STOPPED = "another process runs it", "stopped before it began"


def command_of(cell):
    """The command line of a cell, which trains, resumes or only evaluates it."""
    words = [sys.executable, os.path.join(ROOT, "main.py")]
    for name, value in cell.flags.items():
        words += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
    for name in ("datasets_dir", "pretrained_dir", "runs_dir"):
        words += [f"--{name}", getattr(cell.config, name)]
    return words


class Runner:
    """Runs cells on several devices in parallel.

    A signal is passed on to the runs, which save their state; no new runs are started.
    """

    def __init__(self, gpus, print_line):
        """Takes the devices (list of str) and a function that prints a str, for progress."""
        self._free = queue.Queue()
        for gpu in gpus:
            self._free.put(gpu)
        self._num_gpus = len(gpus)
        self._print_line = print_line
        self._children, self._lock = set(), threading.RLock()
        self._stopping, self._signal_number = threading.Event(), None

    def run_all(self, cells):
        """Runs cells.

        Args:
          cells: list of reproduction.cells.Cell.

        Returns:
          dict from the run folder of each failed cell to the reason.

        Raises:
          Interrupted: a signal came, and the stopped runs have ended.
        """
        failures, busy = {}, []
        with self._passing_signals_on():
            self._run_batch(cells, False, failures, busy)
            # Wait for cells that other processes run, and run those that they gave up.
            self._run_batch(list(busy), True, failures, busy)
        if self._signal_number is not None:
            name = signal.Signals(self._signal_number).name
            raise Interrupted(
                self._signal_number,
                f"stopped by {name}; the runs have saved their state; run the same command again to"
                " resume",
            )
        return failures

    @contextlib.contextmanager
    def _passing_signals_on(self):
        """Passes stop signals on to the runs, except ignored ones (nohup)."""
        numbers = [n for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
        earlier = {number: signal.signal(number, self._stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _stop(self, number, frame):
        """Lets the runs save and end by sending SIGTERM, whichever signal came."""
        del frame
        with self._lock:
            self._signal_number = number
            self._stopping.set()
            for child in self._children:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    child.send_signal(signal.SIGTERM)

    def _run_batch(self, cells, wait, failures, busy):
        def work(cell):
            reason = self._run(cell, wait)
            if reason == _BUSY:
                busy.append(cell)
            elif reason:
                failures[cell.config.run_dir] = reason
                if reason != _STOPPED:
                    self._print_line(f"{cell.name}: {reason}")

        with ThreadPoolExecutor(self._num_gpus) as pool:
            for future in [pool.submit(work, cell) for cell in cells]:
                future.result()

    def _run(self, cell, wait):
        """Runs a cell; returns why it failed or was not run, empty if it is done.

        The child process inherits the lock, so even after a kill -9 of this process it is held
        until the orphaned run ends.
        """
        path = cell.config.run_dir + ".lock"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a") as lock:
            while not _try_to_lock(lock):
                if not wait:
                    return _BUSY
                if self._stopping.wait(0.5):
                    break
            if self._stopping.is_set():
                return _STOPPED
            states = states_of([cell])
            if not cells_to_do([cell], states):
                return states[0].reason
            gpu = self._free.get()
            try:
                return self._train(cell, gpu, lock)
            finally:
                self._free.put(gpu)

    def _train(self, cell, gpu, lock):
        log_path = cell.config.run_dir + ".out"
        words = [*command_of(cell), "--gpu", gpu]
        with open(log_path, "a") as log:
            with self._lock:
                if self._stopping.is_set():
                    return _STOPPED
                # In its own session, so that the terminal's Ctrl-C reaches it only through us.
                child = subprocess.Popen(
                    words, stdout=log, stderr=log, pass_fds=(lock.fileno(),), start_new_session=True
                )
                self._children.add(child)
            self._print_line(f"{cell.name}: running, its output goes to {log_path}")
            code = child.wait()
            with self._lock:
                self._children.discard(child)
        if code:
            return f"main.py exited with code {code}: {last_line(log_path)}"
        state = states_of([cell])[0]
        return "" if state.kind == DONE else f"main.py left it {state.kind}: {state.reason}"


def _try_to_lock(file):
    """Bool, whether the lock was free; it is held until every copy of the file is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

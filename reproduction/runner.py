"""Running the cells: one after the other on a device, never two at once on one cell."""

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

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_BUSY, _STOPPED = "another process runs it", "stopped before it began"


def command_of(cell):
    """The words of a cell's command, which trains it, continues with it, or only evaluates it."""
    words = [sys.executable, os.path.join(ROOT, "main.py")]
    for name, value in cell.flags.items():
        words += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
    for name in ("datasets_dir", "pretrained_dir", "runs_dir"):
        words += [f"--{name}", getattr(cell.config, name)]
    return words


class Runner:
    """Runs cells on devices, as many at once as there are.

    A signal is passed on to the runs, which save their state; no further ones are begun.
    """

    def __init__(self, gpus, print_line):
        """Takes the devices (list of str) and a function of one str, for progress."""
        self._free = queue.Queue()
        for gpu in gpus:
            self._free.put(gpu)
        self._num_gpus = len(gpus)
        self._print_line = print_line
        self._children, self._lock = set(), threading.RLock()
        self._stopping, self._signal_number = threading.Event(), None

    def run_all(self, cells):
        """Runs what is to do.

        Args:
          cells: list of reproduction.cells.Cell.

        Returns:
          dict from a cell's run folder to the reason why it failed.

        Raises:
          Interrupted: a signal came, and the runs that it stopped have ended.
        """
        failures, busy = {}, []
        with self._passing_signals_on():
            self._run_batch(cells, False, failures, busy)
            # What another process runs is waited for, and run if that process gave it up.
            self._run_batch(list(busy), True, failures, busy)
        if self._signal_number is not None:
            name = signal.Signals(self._signal_number).name
            raise Interrupted(
                self._signal_number,
                f"stopped by {name}; the runs have ended, and the same command continues from what"
                " they saved",
            )
        return failures

    @contextlib.contextmanager
    def _passing_signals_on(self):
        """Takes over the signals that stop a program, except those that are ignored (nohup)."""
        numbers = [n for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
        earlier = {number: signal.signal(number, self._stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _stop(self, number, frame):
        """Lets the runs save and end; main.py does so on SIGTERM, whatever came here."""
        del frame
        with self._lock:
            self._signal_number = number
            self._stopping.set()
            for child in self._children:
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
        """Runs a cell; returns why it failed or was not run, empty where it is done.

        The lock goes over to the child process: after a kill -9 of this one it is held as long as
        the orphaned run is at work.
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
                # A session of its own: the terminal's Ctrl-C reaches it once, from here.
                child = subprocess.Popen(
                    words, stdout=log, stderr=log, pass_fds=(lock.fileno(),), start_new_session=True
                )
                self._children.add(child)
            self._print_line(f"{cell.name}: running, its output goes to {log_path}")
            code = child.wait()
            with self._lock:
                self._children.discard(child)
        if code:
            return f"main.py ended with code {code}: {_last_line(log_path)}"
        state = states_of([cell])[0]
        return "" if state.kind == DONE else f"main.py left it {state.kind}: {state.reason}"


def _try_to_lock(file):
    """Bool, whether the lock was free; it is held until the file is closed everywhere."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _last_line(path):
    with open(path, errors="replace") as file:
        lines = file.read().strip().splitlines()
    return lines[-1] if lines else "it printed nothing"

"""Turns signals into a request to stop after the current step, or at once before training."""

import contextlib
import signal
import sys
import threading

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU")


def _numbers():
    """This system's stop signals; SIGHUP stays ignored if nohup ignores it."""
    if threading.current_thread() is not threading.main_thread():
        return []  # Python delivers signals only to the main thread
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    ignored = getattr(signal, "SIGHUP", None)
    return [n for n in numbers if n != ignored or signal.getsignal(n) != signal.SIG_IGN]


@contextlib.contextmanager
def _handled(numbers, handler):
    earlier = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in earlier.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)


@contextlib.contextmanager
def exit_on_signal(program):
    """A context in which a signal ends the process with one sentence and 128 + its number.

    SIGINT remains Python's KeyboardInterrupt. Enter it before the slow import of TensorFlow; a
    `StopRequest` inside it overrides it.

    Args:
      program: str, the name at the start of the sentence.
    """

    def end(number, frame):
        del frame
        sys.stderr.write(f"{program}: stopped by {signal.Signals(number).name}\n")
        sys.exit(128 + number)

    with _handled([number for number in _numbers() if number != signal.SIGINT], end):
        yield


class StopRequest:
    """A context that records a signal instead of ending the process; a second SIGINT does end it.

    It does nothing outside the main thread, the only one that gets signals in Python.

    Attributes:
      signal_number: int or None, the first signal that came.
    """

    def __init__(self):
        """Starts with no signal received."""
        self.signal_number = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        """Installs the signal handlers."""
        self._stack.enter_context(_handled(_numbers(), self._remember))
        return self

    def __exit__(self, *_):
        """Restores the earlier handlers."""
        self._stack.close()

    def _remember(self, number, frame):
        del frame
        if self.signal_number is None:
            self.signal_number = number
        elif number == signal.SIGINT:
            raise KeyboardInterrupt

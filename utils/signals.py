"""Signals as a request to stop after the current step, or at once before there is a step."""

import contextlib
import signal
import sys
import threading

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU")


def _numbers():
    """The signals of this system that ask to stop; nohup has SIGHUP ignored, which stays so."""
    if threading.current_thread() is not threading.main_thread():
        return []  # Python gives signals to the main thread alone
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
    """While entered, a signal ends the process with one sentence and 128 + its number.

    SIGINT stays Python's KeyboardInterrupt. It can be entered before TensorFlow is imported, which
    takes seconds; a `StopRequest` inside it takes the signals over.

    Args:
      program: str, the name that opens the sentence.
    """

    def end(number, frame):
        del frame
        sys.stderr.write(f"{program}: stopped by {signal.Signals(number).name}\n")
        sys.exit(128 + number)

    with _handled([number for number in _numbers() if number != signal.SIGINT], end):
        yield


class StopRequest:
    """While entered, remembers a signal instead of dying of it; a later SIGINT is not held back.

    In another thread than the main one, to which alone Python gives signals, nothing changes.

    Attributes:
      signal_number: int or None, the first signal that came.
    """

    def __init__(self):
        """Starts without a signal."""
        self.signal_number = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        """Takes over the signals."""
        self._stack.enter_context(_handled(_numbers(), self._remember))
        return self

    def __exit__(self, *_):
        """Gives them back."""
        self._stack.close()

    def _remember(self, number, frame):
        del frame
        if self.signal_number is None:
            self.signal_number = number
        elif number == signal.SIGINT:
            raise KeyboardInterrupt

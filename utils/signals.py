"""SIGINT and SIGTERM as a request to stop after the current step."""

import signal
import threading


class StopRequest:
    """While entered, remembers a signal instead of dying of it; a second one is not held back.

    In another thread than the main one, to which alone Python gives signals, nothing changes.

    Attributes:
      signal_number: int or None, the signal that came.
    """

    def __init__(self):
        """Starts without a signal."""
        self.signal_number = None
        self._earlier = {}

    def __enter__(self):
        """Takes over the two signals."""
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGINT, signal.SIGTERM):
            self._earlier[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_):
        """Gives them back."""
        for number, handler in self._earlier.items():
            signal.signal(number, handler)

    def _remember(self, number, frame):
        del frame
        self.signal_number = number
        signal.signal(number, self._earlier[number])

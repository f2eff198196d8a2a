import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from utils.errors import Interrupted, UserError, run_script
from utils.signals import StopRequest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def ended(error):
    def run():
        if error is not None:
            raise error

    try:
        run_script("x.py", run)
    except SystemExit as stop:
        return stop.code
    return 0


def test_exit_codes_and_messages(capsys):
    assert ended(None) == 0
    assert ended(UserError("no such thing")) == 2
    assert capsys.readouterr().err == "x.py: error: no such thing\n"
    assert ended(Interrupted(signal.SIGTERM, "saved")) == 143
    assert capsys.readouterr().err == "x.py: saved\n"
    assert ended(KeyboardInterrupt()) == 130
    with pytest.raises(ZeroDivisionError):  # a fault of ours keeps its traceback
        run_script("x.py", lambda: 1 / 0)


def test_a_full_disk_is_no_fault_of_ours(capsys):
    assert ended(OSError(errno.ENOSPC, "No space left on device", "runs/log.txt")) == 2
    message = "x.py: error: runs/log.txt can't be written: No space left on device; make room and"
    assert capsys.readouterr().err == message + " run the same command again\n"
    with pytest.raises(PermissionError):
        ended(PermissionError(errno.EACCES, "Permission denied", "runs"))


SCRIPT = """
import os, signal
from utils.signals import StopRequest
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job with & starts without it
with StopRequest() as stop:
    assert stop.signal_number is None
    os.kill(os.getpid(), signal.SIGINT)
    assert stop.signal_number == signal.SIGINT
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        print("the second one is not held back")
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


def test_a_signal_is_remembered_once_and_the_handler_comes_back():
    # In a process of its own: test runners do not always run tests in the main thread.
    words = [sys.executable, "-c", SCRIPT]
    assert subprocess.check_output(words, cwd=ROOT) == b"the second one is not held back\n"


def test_signals_are_left_alone_in_another_thread():
    found = []

    def work():
        before = signal.getsignal(signal.SIGTERM)
        with StopRequest() as stop:
            found.append((signal.getsignal(signal.SIGTERM) is before, stop.signal_number))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(True, None)]

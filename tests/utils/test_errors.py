import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from utils.errors import Interrupted, UserError, reason_of, run_script
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


class OpError(Exception):
    def __init__(self, message):
        super().__init__()
        self.message = message


IN_NODE = (
    "Graph execution error:\n\nDetected at node 'x' defined at:\n    File \"a.py\"\nNode: 'x'\n"
)
IN_DATASET = (
    "Graph execution error:\n\nError in user-defined function passed to MapDataset:1 transformation"
    " with iterator: Iterator::Root::ParallelMapV2: "
)


@pytest.mark.parametrize(
    "message",
    [
        IN_NODE + "Bad: data.\n\t [[{{node x}}]]",
        IN_DATASET + "Bad: data.\n\t [[{{node x}}]]\n\t [[IteratorGetNext]]",
        "{{function_node __inference_Dataset_map_1}} Bad: data\n\t [[{{node x}}]]",
        "2 root error(s) found.\n  (0) Invalid argument: Bad: data\n\t [[node x]]",
        IN_NODE + "assertion failed: [Bad: data] [3 4]\n\t [[{{node x}}]]",
    ],
)
def test_the_reason_of_an_error(message):
    assert reason_of(OpError(message)) == "Bad: data"


def test_the_reason_of_an_error_of_the_system():
    assert reason_of(OSError(errno.EACCES, "Permission denied", "x")) == "Permission denied"
    assert reason_of(OSError("odd")) == "odd" and reason_of(OpError("")) == "OpError"

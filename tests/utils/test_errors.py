import errno
import signal

import pytest

from utils.errors import Interrupted, UserError, run_script


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

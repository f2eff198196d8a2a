import os
import signal

import pytest

from utils.errors import Interrupted, UserError, run_script
from utils.signals import StopRequest


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


def test_a_signal_is_remembered_once_and_the_handler_comes_back():
    # A shell starts what it puts into the background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with StopRequest() as stop:
            assert stop.signal_number is None
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.signal_number == signal.SIGINT
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)

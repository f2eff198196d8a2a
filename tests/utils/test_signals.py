import os
import signal
import subprocess
import sys
import threading

import pytest

from utils.signals import StopRequest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU"]


def run(script, *words):
    # In a process of its own: test runners do not always run tests in the main thread.
    return subprocess.run(
        [sys.executable, "-c", script, *words], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
    )  # fmt: skip


REMEMBERED = """
import os, signal, sys
from utils.signals import StopRequest
number = getattr(signal, sys.argv[1])
before = signal.getsignal(number)
with StopRequest() as stop:
    assert stop.signal_number is None
    for sent in (number, signal.SIGCONT, signal.SIGTERM, signal.SIGUSR1):
        os.kill(os.getpid(), sent)
        assert stop.signal_number == number
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        print("a later SIGINT is not held back")
assert signal.getsignal(number) is before
"""


@pytest.mark.promise(
    "any of seven signals during a step",
    "the first is remembered until the step is done, through SLURM's later ones too; a second"
    " SIGINT ends at once",
)
@pytest.mark.parametrize("name", NAMES)
def test_the_first_signal_is_remembered_and_the_handlers_come_back(name):
    done = run(REMEMBERED, name)
    assert (done.stdout, done.stderr) == ("a later SIGINT is not held back\n", "")


NOHUP = """
import os, signal
from utils.signals import StopRequest, exit_on_signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with exit_on_signal("x.py"), StopRequest() as stop:
    os.kill(os.getpid(), signal.SIGHUP)
    assert stop.signal_number is None
"""


@pytest.mark.promise("the terminal closes under nohup", "the run goes on")
def test_a_run_under_nohup_goes_on():
    assert run(NOHUP).returncode == 0


AT_ONCE = """
import os, signal, sys
from utils.signals import StopRequest, exit_on_signal
with exit_on_signal("x.py"):
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal_number == signal.SIGTERM
    assert "tensorflow" not in sys.modules
    try:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    except Exception:
        print("held back by an import that catches exceptions")
    print("not reached")
"""


@pytest.mark.promise("a signal before training", "one sentence", "exit code 128 + its number")
@pytest.mark.parametrize("name", NAMES[1:])
def test_before_training_a_signal_ends_the_process_with_one_sentence(name):
    done = run(AT_ONCE, name)
    assert done.returncode == 128 + getattr(signal, name)
    assert (done.stdout, done.stderr) == ("", f"x.py: stopped by {name}\n")


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

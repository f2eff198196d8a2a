"""The runner with a small stand-in for main.py, so that locks, kills and signals can be tried."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from reproduction import runner
from reproduction.cells import cells_of
from reproduction.state import DAMAGED, DONE, OPEN, State
from tests.reproduction.helpers import request_of
from utils.errors import Interrupted

# Writes a line when it begins and when it ends; a run is done when its folder has the file "done".
# With seconds < 0 it waits for SIGTERM and "saves".
STAND_IN = """
import os, signal, sys, time
folder, seconds, code = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
os.makedirs(folder, exist_ok=True)
file = open(os.path.join(os.path.dirname(folder), "journal"), "a")
def write(word):
    file.write(word + " " + os.path.basename(folder) + chr(10)); file.flush()
def save(number, frame):
    write("saved"); sys.exit(128 + number)
signal.signal(signal.SIGTERM, save)
write("begin")
time.sleep(seconds if seconds >= 0 else 600)
write("end")
if code == 0:
    open(os.path.join(folder, "done"), "w").close()
print("the last words of", os.path.basename(folder))
sys.exit(code)
"""


def prepare(folder, patch, seconds):
    """Puts the stand-in in the place of main.py; returns four cells."""
    request = request_of(datasets=("cars",), seeds=(0,), common={"runs_dir": str(folder)})
    done = lambda cell: os.path.exists(os.path.join(cell.config.run_dir, "done"))  # noqa: E731
    patch.setattr(
        runner, "states_of", lambda cells: [State(DONE if done(c) else OPEN) for c in cells]
    )
    patch.setattr(runner, "command_of", lambda cell: stand_in(cell, seconds, 0))
    return cells_of(request)


@pytest.fixture
def cells(tmp_path, monkeypatch):
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    return prepare(tmp_path, monkeypatch, 0.2)


def stand_in(cell, seconds, code):
    script = os.path.join(cell.config.runs_dir, "stand_in.py")
    return [sys.executable, script, cell.config.run_dir, str(seconds), str(code)]


def ignore(line):
    del line


def journal(cells):
    path = os.path.join(os.path.dirname(cells[0].config.run_dir), "journal")
    with open(path) as file:
        return file.read().splitlines()


def test_cells_run_one_at_a_time_and_once(cells):
    printed = []
    assert runner.Runner(["0"], printed.append).run_all(cells) == {}
    lines = journal(cells)
    assert len(lines) == 8
    for begin, end in zip(lines[::2], lines[1::2]):
        assert begin.split()[1] == end.split()[1]
    assert len(printed) == 4
    assert runner.Runner(["0"], printed.append).run_all(cells) == {}
    assert len(journal(cells)) == 8


def test_as_many_at_once_as_there_are_devices(cells, monkeypatch):
    """Each run waits until all four have begun."""
    code = (
        "import os, sys, time\nfolder = sys.argv[1]\nos.makedirs(folder)\n"
        "while sum(n.endswith('seed0') for n in os.listdir(os.path.dirname(folder))) < 4:\n"
        "    time.sleep(0.01)\n"
        "open(os.path.join(folder, 'done'), 'w').close()\n"
    )
    monkeypatch.setattr(
        runner, "command_of", lambda cell: [sys.executable, "-c", code, cell.config.run_dir]
    )
    assert runner.Runner(["0", "1", "2", "3"], ignore).run_all(cells) == {}


def test_a_failure_is_reported_with_its_last_line_and_the_rest_goes_on(cells, monkeypatch):
    bad = cells[1]
    monkeypatch.setattr(runner, "command_of", lambda c: stand_in(c, 0, 2 if c is bad else 0))
    failures = runner.Runner(["0"], ignore).run_all(cells)
    name = os.path.basename(bad.config.run_dir)
    assert failures == {bad.config.run_dir: f"main.py exited with code 2: the last words of {name}"}
    assert len(journal(cells)) == 8


def test_a_run_that_ends_well_and_is_not_done_has_failed(cells, monkeypatch):
    monkeypatch.setattr(
        runner, "command_of", lambda c: [sys.executable, "-c", "", "--run_dir", c.config.run_dir]
    )
    failures = runner.Runner(["0"], ignore).run_all(cells)
    assert len(failures) == 4 and all("left it to do" in text for text in failures.values())


def test_a_cell_that_was_damaged_in_the_meantime_is_not_run(cells, monkeypatch):
    monkeypatch.setattr(runner, "states_of", lambda asked: [State(DAMAGED, reason="cut off")])
    assert runner.Runner(["0"], ignore).run_all(cells[:1]) == {cells[0].config.run_dir: "cut off"}


@pytest.mark.ci
@pytest.mark.promise("two reproduce.py at once", "no cell runs twice")
def test_two_runners_never_run_the_same_cell(cells):
    racers = [start(cells, 0.3) for _ in range(2)]
    assert [racer.wait() for racer in racers] == [0, 0]
    begun = [line for line in journal(cells) if line.startswith("begin")]
    assert len(begun) == len(set(begun)) == 4


def start(cells, seconds):
    """Starts a process with a runner of its own for the same cells."""
    code = (
        f"import sys; sys.path.insert(0, {runner.ROOT!r})\n"
        "from tests.reproduction import test_runner as t\n"
        f"made = t.prepare({cells[0].config.runs_dir!r}, t.pytest.MonkeyPatch(), {seconds!r})\n"
        "assert t.runner.Runner(['0'], t.ignore).run_all(made) == {}\n"
    )
    return subprocess.Popen([sys.executable, "-c", code])


def when(cells, word, count, call):
    """Starts a thread that calls `call` once so many lines of the journal begin with a word."""

    def wait():
        path = os.path.join(os.path.dirname(cells[0].config.run_dir), "journal")
        while not (os.path.exists(path) and "\n".join(journal(cells)).count(word) >= count):
            time.sleep(0.02)
        call()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()


@pytest.mark.promise("a signal to reproduce.py", "its runs save, and it waits for them")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_a_signal_is_passed_on_and_the_saves_are_waited_for(cells, monkeypatch, name):
    number = getattr(signal, name)
    monkeypatch.setattr(runner, "command_of", lambda cell: stand_in(cell, -1, 0))
    earlier = signal.signal(number, signal.default_int_handler)  # the tests may run under nohup
    when(cells, "begin", 2, lambda: os.kill(os.getpid(), number))
    try:
        with pytest.raises(Interrupted, match=f"stopped by {name}.* same command") as caught:
            runner.Runner(["0", "1"], ignore).run_all(cells)
    finally:
        signal.signal(number, earlier)
    assert caught.value.signal_number == number
    assert sorted(line.split()[0] for line in journal(cells)) == ["begin"] * 2 + ["saved"] * 2


def test_a_signal_ends_the_wait_for_another_process(cells):
    lock = cells[0].config.run_dir + ".lock"
    os.makedirs(os.path.dirname(lock), exist_ok=True)
    when(cells, "end", 3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with open(lock, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Interrupted):
            runner.Runner(["0"], ignore).run_all(cells)
    assert len(journal(cells)) == 6


def test_a_run_that_has_just_ended_can_not_be_signalled(cells, monkeypatch):
    def refuse(child, number):
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(runner.subprocess.Popen, "send_signal", refuse)
    when(cells, "begin", 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        runner.Runner(["0"], ignore).run_all(cells)
    assert len(journal(cells)) == 2


def test_an_ignored_signal_stays_ignored_and_handlers_come_back(cells, monkeypatch):
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    seen = []
    command = runner.command_of

    def looking(cell):
        seen.append(signal.getsignal(signal.SIGHUP))
        os.kill(os.getpid(), signal.SIGHUP)
        return command(cell)

    monkeypatch.setattr(runner, "command_of", looking)
    try:
        assert runner.Runner(["0"], ignore).run_all(cells[:1]) == {}
    finally:
        signal.signal(signal.SIGHUP, earlier)
    assert seen == [signal.SIG_IGN]
    assert handlers == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]


def test_no_run_is_begun_after_a_signal(cells, monkeypatch):
    begun = []

    def stopping(cell):
        begun.append(cell)
        os.kill(os.getpid(), signal.SIGTERM)
        return stand_in(cell, 0, 0)

    monkeypatch.setattr(runner, "command_of", stopping)
    with pytest.raises(Interrupted) as caught:
        runner.Runner(["0"], ignore).run_all(cells)
    assert caught.value.signal_number == signal.SIGTERM and len(begun) == 1


def test_an_orphaned_run_keeps_its_lock(cells):
    first = cells[0].config.run_dir
    os.makedirs(first)
    code = (
        "import fcntl, subprocess, sys, time\n"
        f"file = open({first + '.lock'!r}, 'a'); fcntl.flock(file, fcntl.LOCK_EX)\n"
        "run = 'import sys; sys.stdin.readline(); open(sys.argv[1], chr(119)).close()'\n"
        f"child = subprocess.Popen([sys.executable, '-c', run, {first + '/done'!r}],"
        " pass_fds=(file.fileno(),))\n"
        "print('ready', flush=True); time.sleep(600)\n"
    )
    read, write = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=read, stdout=subprocess.PIPE, start_new_session=True
    )
    os.close(read)
    parent.stdout.readline()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()  # the orphan keeps its end of it
    # The three other cells are run, and the orphan's is waited for.
    when(cells, "begin", 3, lambda: os.write(write, b"go on\n"))
    assert runner.Runner(["0"], ignore).run_all(cells) == {}
    os.close(write)
    assert os.path.basename(first) not in " ".join(journal(cells))


def test_the_command_is_mains_with_every_setting_of_the_cell(tmp_path):
    request = request_of(datasets=("cars",), seeds=(7,), common={"flip": False})
    words = runner.command_of(cells_of(request)[3])
    assert words[1].endswith("main.py") and words[words.index("--flip") + 1] == "false"
    for name, value in (("train_mode", "hard"), ("seed", "7"), ("dataset", "cars")):
        assert words[words.index(f"--{name}") + 1] == value

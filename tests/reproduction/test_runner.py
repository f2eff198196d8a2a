"""The runner with a small stand-in for main.py, so that locks and kills can be tried quickly."""

import os
import signal
import subprocess
import sys
import time

import pytest

from reproduction import runner
from reproduction.cells import cells_of
from reproduction.state import DONE, OPEN, State
from tests.reproduction.test_cells import order_of
from utils.errors import UserError

# Writes a line when it begins and when it ends; a run is done when its folder has the file "done".
STAND_IN = """
import os, sys, time
folder, seconds, code = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
os.makedirs(folder, exist_ok=True)
with open(os.path.join(os.path.dirname(folder), "journal"), "a") as file:
    file.write("begin " + os.path.basename(folder) + chr(10)); file.flush()
    time.sleep(seconds)
    file.write("end " + os.path.basename(folder) + chr(10))
if code == 0:
    open(os.path.join(folder, "done"), "w").close()
print("the last words of", os.path.basename(folder))
sys.exit(code)
"""


@pytest.fixture
def cells(tmp_path, monkeypatch):
    order = order_of(datasets=("cars",), seeds=(0,), common={"runs_dir": str(tmp_path)})
    made = cells_of(order)
    (tmp_path / "stand_in.py").write_text(STAND_IN)

    def is_done(cell):
        return os.path.exists(os.path.join(cell.config.run_dir, "done"))

    def states_of(asked):
        return [State(DONE if is_done(cell) else OPEN, 0) for cell in asked]

    monkeypatch.setattr(runner, "states_of", states_of)
    monkeypatch.setattr(runner, "command_of", lambda cell: stand_in(cell, 0.2, 0))
    return made


def stand_in(cell, seconds, code):
    script = os.path.join(cell.config.runs_dir, "stand_in.py")
    return [sys.executable, script, cell.config.run_dir, str(seconds), str(code)]


def journal(cells):
    path = os.path.join(os.path.dirname(cells[0].config.run_dir), "journal")
    with open(path) as file:
        return file.read().splitlines()


def test_cells_run_one_at_a_time_and_once(cells):
    said = []
    assert runner.Runner(["0"], said.append).run_all(cells) == {}
    lines = journal(cells)
    assert len(lines) == 8
    for begin, end in zip(lines[::2], lines[1::2]):
        assert begin.split()[1] == end.split()[1]
    assert len(said) == 4
    assert runner.Runner(["0"], said.append).run_all(cells) == {}
    assert len(journal(cells)) == 8


def test_as_many_at_once_as_there_are_devices(cells):
    runner.Runner(["0", "1", "2", "3"], lambda text: None).run_all(cells)
    assert [line.split()[0] for line in journal(cells)[:3]] == ["begin"] * 3


def test_a_failure_is_told_with_its_last_words_and_the_rest_goes_on(cells, monkeypatch):
    bad = cells[1]
    monkeypatch.setattr(runner, "command_of", lambda c: stand_in(c, 0, 2 if c is bad else 0))
    failed = runner.Runner(["0"], lambda text: None).run_all(cells)
    name = os.path.basename(bad.config.run_dir)
    assert failed == {bad.config.run_dir: f"main.py ended with code 2: the last words of {name}"}
    assert len(journal(cells)) == 8


def test_two_runners_never_run_the_same_cell(cells):
    code = (
        "import sys; sys.path.insert(0, {root!r})\n"
        "from tests.reproduction import test_runner as t\n"
        "import pytest\n"
        "t.race({folder!r})\n"
    ).format(root=runner.ROOT, folder=cells[0].config.runs_dir)
    racers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [racer.wait() for racer in racers] == [0, 0]
    begun = [line for line in journal(cells) if line.startswith("begin")]
    assert len(begun) == len(set(begun)) == 4


def race(folder):
    """What each of two processes does in the test above."""
    patch = pytest.MonkeyPatch()
    order = order_of(datasets=("cars",), seeds=(0,), common={"runs_dir": folder})
    made = cells_of(order)
    done = lambda cell: os.path.exists(os.path.join(cell.config.run_dir, "done"))  # noqa: E731
    patch.setattr(runner, "states_of", lambda a: [State(DONE if done(c) else OPEN, 0) for c in a])
    patch.setattr(runner, "command_of", lambda cell: stand_in(cell, 0.3, 0))
    assert runner.Runner(["0"], lambda text: None).run_all(made) == {}
    assert all(done(cell) for cell in made)


def test_an_orphaned_run_keeps_its_lock(cells):
    lock = cells[0].config.run_dir + ".lock"
    os.makedirs(os.path.dirname(lock), exist_ok=True)
    code = (
        "import fcntl, subprocess, sys, time\n"
        f"file = open({lock!r}, 'a'); fcntl.flock(file, fcntl.LOCK_EX)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(2)'],"
        " pass_fds=(file.fileno(),))\n"
        "print('ready', flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    parent.stdout.readline()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    start = time.time()
    assert runner.Runner(["0"], lambda text: None).run_all(cells[:1]) == {}
    assert time.time() - start > 1


@pytest.mark.parametrize("kind", ["shell", "slurm"])
def test_emitted_lines_do_what_the_runner_does(cells, tmp_path, kind):
    files = runner.emit(cells, kind, str(tmp_path / "out" / "table"))
    assert [os.path.basename(f) for f in files] == ["table.sh", "table.slurm"][: len(files)]
    with open(files[0]) as file:
        lines = file.read().splitlines()
    assert len(lines) == 4
    if kind == "slurm":
        with open(files[1]) as file:
            job = file.read()
        assert "--array=0-3" in job
        for index in range(4):
            environment = dict(os.environ, SLURM_ARRAY_TASK_ID=str(index))
            subprocess.check_call(["bash", files[1]], env=environment, stdout=subprocess.DEVNULL)
        assert len(journal(cells)) == 8
        with pytest.raises(UserError, match="no cell is to do"):
            runner.emit(cells, kind, str(tmp_path / "out" / "again"))


def test_the_command_is_mains_with_every_setting_of_the_cell(tmp_path):
    order = order_of(datasets=("cars",), seeds=(7,), common={"flip": False})
    words = runner.command_of(cells_of(order)[3])
    assert words[1].endswith("main.py") and words[words.index("--flip") + 1] == "false"
    for name, value in (("train_mode", "hard"), ("seed", "7"), ("dataset", "cars")):
        assert words[words.index(f"--{name}") + 1] == value

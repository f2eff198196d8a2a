"""The emitted files are run by bash, with a stand-in for main.py."""

import json
import os
import subprocess
import sys

import pytest

from reproduction import emit
from reproduction.cells import cells_of
from tests.reproduction.helpers import request_of
from utils.errors import UserError

# Adds its arguments and its folder as a line to the file that the first one names.
STAND_IN = """
import json, os, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([os.getcwd(), *sys.argv[2:]]) + chr(10))
"""
HOSTILE = "a b 'c' \"d\" $(touch x) `touch x` [e] {f} ; & | * # \\ !x ~ -n é"


@pytest.fixture
def cells(tmp_path, monkeypatch):
    folder = tmp_path / HOSTILE
    folder.mkdir()
    (folder / "stand in.py").write_text(STAND_IN)
    monkeypatch.chdir(folder)
    words = [sys.executable, str(folder / "stand in.py"), str(tmp_path / "log")]
    monkeypatch.setattr(
        emit, "command_of", lambda cell: [*words, cell.config.run_dir, HOSTILE, cell.name]
    )
    common = {"runs_dir": str(folder / "runs")}
    return cells_of(request_of(datasets=("cars",), seeds=(0,), common=common))


def logged(tmp_path):
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


@pytest.mark.promise(
    "paths hold spaces, quotes and shell commands", "what --emit writes quotes them"
)
@pytest.mark.parametrize("kind", ["shell", "slurm"])
def test_the_files_run_the_commands_word_for_word(cells, tmp_path, kind):
    folder = str(tmp_path / HOSTILE)
    files = emit.emit(cells, kind, os.path.join(folder, "out $(touch x)", "table"))
    assert [os.path.basename(f) for f in files] == ["table.sh", "table.slurm"][: len(files)]
    if kind == "slurm":
        with open(files[1]) as file:
            lines = file.read().splitlines()
        assert "#SBATCH --array=0-3" in lines and "#SBATCH --job-name=table" in lines
        for index in range(4):
            environment = dict(os.environ, SLURM_ARRAY_TASK_ID=str(index))
            subprocess.check_call(["bash", files[1]], env=environment, cwd=str(tmp_path))
    else:
        subprocess.check_call(["bash", files[0]], cwd=str(tmp_path))
    assert logged(tmp_path) == [[folder, c.config.run_dir, HOSTILE, c.name] for c in cells]
    for where in (folder, str(tmp_path), os.path.join(folder, "out $(touch x)")):
        assert "x" not in os.listdir(where)


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\x1b"])
@pytest.mark.parametrize("place", ["tables_dir", "setting"])
def test_a_line_break_is_refused(cells, tmp_path, monkeypatch, character, place):
    bad = f"a{character}touch x"
    if place == "setting":
        monkeypatch.setattr(emit, "command_of", lambda cell: ["main.py", bad])
    path = str(tmp_path / "out" / (bad if place == "tables_dir" else "table"))
    with pytest.raises(UserError, match="control character") as caught:
        emit.emit(cells, "slurm", path)
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_nothing_to_do_is_no_file(tmp_path):
    with pytest.raises(UserError, match="no cell is left to run"):
        emit.emit([], "slurm", str(tmp_path / "table"))
    assert os.listdir(str(tmp_path)) == []


def test_a_folder_that_cannot_be_written(cells, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        emit.emit(cells, "shell", str(tmp_path / "file" / "table"))

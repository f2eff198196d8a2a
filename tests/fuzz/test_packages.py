"""Damaged archives and MATLAB files."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from scipy.io import savemat

from datasets_lists import annotations, mat_file
from tests.fuzz.mutate import every_count, mutated, one_sentence, write
from tests.test_source import ROOT
from utils import archives

FILES = {"set/a.jpg": b"first " * 40, "set/b/c.txt": b"second", "d": b""}


def a_zip():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in FILES.items():
            package.writestr(name, data)
    return made.getvalue()


def a_tar(mode):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as tar:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return made.getvalue()


@pytest.mark.promise(
    "damaged archives", "one sentence, and nothing outside the folder", "300; 10,000 with -m slow"
)
@every_count
def test_archives(tmp_path, count):
    whole = [a_zip(), a_tar("w:"), a_tar("w:gz")]
    for seed in range(count):
        path = write(tmp_path / "archive", mutated(whole[seed % len(whole)], seed))
        with one_sentence(seed):
            archives.extract(path, str(tmp_path / "out"), most_bytes=1 << 20)
        left = sorted(os.listdir(str(tmp_path)))
        assert left in (["archive"], ["archive", "out"]), seed
        shutil.rmtree(str(tmp_path / "out"), ignore_errors=True)


# Reads each file in a fork of itself: starting Python for each would take half a second.
FORKS = """
import os, sys
from datasets_lists.mat_reader import answer
for path in sys.stdin:
    path = path.rstrip("\\n")
    child = os.fork()
    if not child:
        with open(path + ".json", "w") as file:
            file.write(answer(path, sys.argv[1:]))
        os._exit(0)
    print(os.waitpid(child, 0)[1])
"""
NAMES = ("annotations", "labels")


def a_mat(compressed):
    made = io.BytesIO()
    records = np.empty((1, 4), [("fname", object), ("class", object)])
    for i in range(4):
        records["fname"][0, i], records["class"][0, i] = f"{i}.jpg", i + 1
    variables = {"annotations": records, "labels": np.arange(1, 9)}
    savemat(made, variables, do_compression=compressed)
    return made.getvalue()


@pytest.mark.promise("damaged .mat files", "one sentence", "300; 10,000 with -m slow")
@every_count
def test_mat_files(tmp_path, monkeypatch, count):
    whole = [a_mat(True), a_mat(False)]
    paths = [
        write(tmp_path / f"{seed}.mat", mutated(whole[seed % 2], seed)) for seed in range(count)
    ]
    done = subprocess.run(
        [sys.executable, "-c", FORKS, *NAMES], cwd=ROOT, input="\n".join(paths), check=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
    )  # fmt: skip
    status = dict(zip(paths, map(int, done.stdout.split())))
    assert len(status) == count

    def run(words):
        with open(words[1] + ".json", errors="replace") as file:
            return status[words[1]], file.read()

    monkeypatch.setattr(mat_file, "_run", run)
    for path in paths:
        with one_sentence(path):
            records, labels = annotations.read_mat(path, *NAMES)
            for field, kind in (("fname", str), ("class", int)):
                values = annotations.field(path, records, field, kind)
                assert all(type(value) is kind for value in values)
            assert all(type(value) is int for value in annotations.column(path, labels, int))


@pytest.mark.parametrize("compressed", [True, False])
def test_a_whole_mat_file(tmp_path, compressed):
    path = write(tmp_path / "a.mat", a_mat(compressed))
    records, labels = annotations.read_mat(path, *NAMES)
    assert annotations.field(path, records, "fname", str) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert annotations.column(path, labels, int) == list(range(1, 9))

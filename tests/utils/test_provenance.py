import re
import subprocess

import pytest

from utils import provenance
from utils.tf1 import TENSORFLOW_VERSION


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, which takes the place of the program's."""

    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.check_output(["git", "-C", str(tmp_path), *identity, *words])

    git("init", "-q")
    (tmp_path / "utils").mkdir()
    (tmp_path / "utils" / "a.py").write_text("1\n")
    git("add", "-A")
    git("commit", "-qm", "first")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "utils" / "provenance.py"))
    return tmp_path


@pytest.mark.promise(
    "somebody asks where a number comes from",
    "a run stores commit, local changes, versions, device and command line",
)
def test_what_a_run_stores(monkeypatch):
    monkeypatch.setattr("sys.argv", ["main.py", "--run_dir", "a b"])
    found = provenance.provenance("-1")
    assert (
        found["tensorflow"] == TENSORFLOW_VERSION and found["command"] == "main.py --run_dir 'a b'"
    )
    assert {"numpy", "tf_slim", "sklearn", "PIL", "python", "platform", "device"} <= set(found)
    assert found["device"] and all(isinstance(value, str) for value in found.values())


@pytest.mark.promise(
    "code is changed after a run", "the run's commit and a digest of the local changes are stored"
)
def test_commit_and_local_changes(repository):
    clean = provenance.provenance("-1")
    assert re.fullmatch("[0-9a-f]{12}", clean["commit"]) and clean["changes"] == ""
    (repository / "utils" / "a.py").write_text("2\n")
    changed = provenance.provenance("-1")
    assert changed["commit"] == clean["commit"] + "+"
    assert re.fullmatch("[0-9a-f]{12}", changed["changes"])
    (repository / "utils" / "a.py").write_text("3\n")
    other = provenance.provenance("-1")
    assert other["commit"] == changed["commit"] and other["changes"] != changed["changes"]
    assert provenance.differences(clean, clean) == []
    assert "trained by commit" in provenance.differences(clean, changed)[0]
    assert "other local changes" in provenance.differences(changed, other)[0]


def test_outside_a_repository(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "utils" / "provenance.py"))
    found = provenance.provenance("-1")
    assert found["commit"] == found["changes"] == ""
    assert "no repository" in provenance.differences({"commit": "abc"}, found)[0]


def test_another_tensorflow_is_named_and_what_an_older_run_lacks_is_not():
    now = provenance.provenance("-1")
    (text,) = provenance.differences(dict(now, tensorflow="2.1.0"), now)
    assert "2.1.0" in text and TENSORFLOW_VERSION in text
    assert provenance.differences({}, now) == []

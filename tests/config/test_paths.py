import os

import pytest

from config.paths import read_local_ini, resolve_paths
from utils.errors import UserError


def test_flag_then_environment_then_file_then_default():
    given, environ = {"datasets_dir": "a"}, {"DATASETS_DIR": "b", "PRETRAINED_DIR": "b"}
    local = {"datasets_dir": "c", "pretrained_dir": "c", "runs_dir": "~/c"}
    found, origins = resolve_paths(given, environ, local)
    assert found == {
        "datasets_dir": os.path.abspath("a"),
        "pretrained_dir": os.path.abspath("b"),
        "runs_dir": os.path.expanduser("~/c"),
    }
    assert origins["datasets_dir"] == "--datasets_dir"
    assert "PRETRAINED_DIR" in origins["pretrained_dir"]
    assert "local.ini" in origins["runs_dir"]
    found, origins = resolve_paths({}, {}, {})
    assert found["datasets_dir"] == os.path.abspath("datasets")
    assert origins["datasets_dir"] == "the default"


def test_local_ini(tmp_path):
    path = tmp_path / "local.ini"
    assert read_local_ini(str(path)) == {}
    path.write_text("[paths]\ndatasets_dir = /data/100%\n")
    assert read_local_ini(str(path)) == {"datasets_dir": "/data/100%"}
    example = os.path.join(os.path.dirname(__file__), "../../config/local.example.ini")
    assert set(read_local_ini(example)) == {"datasets_dir", "pretrained_dir", "runs_dir"}


@pytest.mark.parametrize("text", ["datasets_dir = x\n", "[paths]\ndatset_dir = x\n"])
def test_a_wrong_local_ini_is_named(tmp_path, text):
    path = tmp_path / "local.ini"
    path.write_text(text)
    with pytest.raises(UserError, match="local.ini"):
        read_local_ini(str(path))


def test_a_zero_byte_in_local_ini(tmp_path):
    (tmp_path / "local.ini").write_text("[paths]\ndatasets_dir = a\0b\n")
    with pytest.raises(UserError, match="holds a zero byte"):
        read_local_ini(str(tmp_path / "local.ini"))

import json

from evaluation.report import run_files
from tests.training.test_trainer import message_of


def test_history(tmp_path):
    assert run_files.history(str(tmp_path)) == []
    (tmp_path / "metrics.csv").write_text("step,loss\n1,0.5\n2,\n")
    assert run_files.history(str(tmp_path)) == [
        {"step": "1", "loss": "0.5"}, {"step": "2", "loss": ""},
    ]  # fmt: skip


def test_advice(tmp_path):
    path = tmp_path / "advice.json"
    assert run_files.advice(str(tmp_path)) == []
    path.write_text(json.dumps(["Lower the learning rate.", "ü\ud800"]))
    assert run_files.advice(str(tmp_path)) == ["Lower the learning rate.", "ü\\ud800"]
    for content in ("{", "{}", "[1]", '"word"'):
        path.write_text(content)
        assert f"{path} is not a list of sentences" in message_of(run_files.advice, str(tmp_path))

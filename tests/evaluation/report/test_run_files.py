from evaluation.report import run_files
from tests.training.test_trainer import message_of
from utils import advice_file


def test_history(tmp_path):
    assert run_files.history(str(tmp_path)) == []
    (tmp_path / "metrics.csv").write_text("step,loss\n1,0.5\n2,\n")
    assert run_files.history(str(tmp_path)) == [
        {"step": "1", "loss": "0.5"}, {"step": "2", "loss": ""},
    ]  # fmt: skip


def test_advice(tmp_path):
    assert run_files.advice(str(tmp_path)) == []
    numbers = {"loss": 2.34567, "steps": 12, "files": ["ü", "b"]}
    advice_file.add(str(tmp_path), "name", 7, "lower the learning rate", numbers)
    assert run_files.advice(str(tmp_path)) == [
        "Step 7: lower the learning rate (files ü, b, loss 2.346, steps 12)."
    ]
    (tmp_path / "advice.json").write_text("{")
    assert "is not a list of advice" in message_of(run_files.advice, str(tmp_path))

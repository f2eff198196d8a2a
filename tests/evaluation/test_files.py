import numpy as np
import pandas as pd
import pytest

from evaluation import files as eval_files
from utils.errors import UserError
from utils.run_dir import write_json


def test_predictions_rank_the_classes_by_probability():
    logits = np.array([[0.0, 2, 1], [5, 0, 0]], np.float32)
    names = np.array(["ant", "bee", "cat"], object)
    table = eval_files.predictions(logits, np.array([1, 2]), ["a.jpg", "b.jpg"], names)
    assert list(table.columns[:5]) == ["file", "label", "class", "predicted", "probability"]
    assert table["class"].tolist() == ["bee", "cat"] and table["predicted"].tolist() == [
        "bee",
        "ant",
    ]
    first = [table[f"top{rank}"][0] for rank in (1, 2, 3)]
    assert first == ["bee", "cat", "ant"] and "top4" not in table
    exponentials = np.exp([2.0, 1.0, 0.0])
    probabilities = [table[f"top{rank}_probability"][0] for rank in (1, 2, 3)]
    assert probabilities == pytest.approx(list(exponentials / exponentials.sum()), rel=1e-5)
    assert isinstance(table, pd.DataFrame)


def test_large_logits_do_not_overflow():
    names = np.array(["a", "b"], object)
    table = eval_files.predictions(np.float32([[1e4, -1e4]]), np.array([0]), ["x"], names)
    assert table["probability"].tolist() == [1.0]


def test_a_report_that_was_edited_or_cut_is_refused(tmp_path):
    folder = str(tmp_path)
    assert eval_files.read_report(folder) is None
    report = {"accuracy": 0.25, "step": 3, "map@r": None}
    report["digest"] = eval_files.digest_of(report)
    write_json(str(tmp_path / "metrics.json"), report)
    assert eval_files.read_report(folder) == report
    text = (tmp_path / "metrics.json").read_text()
    for changed in (text.replace("0.25", "0.52"), text[:20], "[1]"):
        (tmp_path / "metrics.json").write_text(changed)
        with pytest.raises(UserError, match="evaluate again"):
            eval_files.read_report(folder)

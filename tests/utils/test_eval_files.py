import numpy as np
import pandas as pd
import pytest

from utils import eval_files


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

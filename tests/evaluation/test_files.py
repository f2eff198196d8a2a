import collections
import errno
import json
import os

import numpy as np
import pandas as pd
import pytest

from evaluation import files as eval_files
from evaluation import plots
from utils.errors import UserError
from utils.run_dir import write_json

ImageList = collections.namedtuple("ImageList", "paths")


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


def test_names_and_files_that_utf_8_cannot_write_are_escaped(tmp_path):
    names = ["caf\udce9", "b"]
    table = eval_files.predictions(np.eye(2), np.array([0, 1]), ["\udcff.jpg", "b.jpg"], names)
    table.to_csv(str(tmp_path / "p.csv"), index=False, encoding="utf-8")
    assert table["class"].tolist() == ["caf\\udce9", "b"]
    assert table["file"].tolist() == ["\\udcff.jpg", "b.jpg"]


REPORT = {name: 0.25 for name in eval_files.SCORES}
REPORT.update({
    "nmi": None, "split": "test", "num_images": 4, "checkpoint": "c", "step": 3, "class_map": "m",
})  # fmt: skip


def test_a_report_is_read_as_it_was_written(tmp_path):
    assert eval_files.read_report(str(tmp_path)) is None
    write_json(str(tmp_path / "metrics.json"), REPORT)
    assert eval_files.read_report(str(tmp_path)) == REPORT


@pytest.mark.parametrize("text", ['{"accuracy": 0.2', "[1]", "", "\udcff", "[" * 100000])
def test_a_damaged_report_is_refused(tmp_path, text):
    (tmp_path / "metrics.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match="evaluate again") as caught:
        eval_files.read_report(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["step", "accuracy", "map@r", "nmi"])
def test_a_report_that_lacks_a_key_is_refused(tmp_path, name):
    write_json(str(tmp_path / "metrics.json"), {k: v for k, v in REPORT.items() if k != name})
    with pytest.raises(UserError, match=f"has no {name}; delete it and evaluate again"):
        eval_files.read_report(str(tmp_path))


ARRAYS = {
    "labels": np.int32([0, 1]),
    "logits": np.eye(2, dtype=np.float32),
    "pooled": np.eye(2, dtype=np.float32),
    "embeddings": np.eye(2, dtype=np.float32),
}


def write(folder, report):
    eval_files.make_folder(str(folder))
    eval_files.write_scores(str(folder), report, ARRAYS, ["a", "b"], ["x", "y"], "id")


def test_scores_take_the_place_of_the_earlier_ones_and_of_nothing_else(tmp_path):
    folder = tmp_path / "eval" / "test"
    write(folder, {"step": 1})
    (folder / "mine.txt").write_text("mine")
    (folder / "confusion.png").write_text("of step 1")
    write(folder, {"step": 2})
    assert sorted(os.listdir(str(folder))) == [
        "embeddings.npz", "metrics.json", "mine.txt", "predictions.csv"
    ]  # fmt: skip
    assert json.loads((folder / "metrics.json").read_text()) == {"step": 2}
    assert os.listdir(str(tmp_path / "eval")) == ["test"]


def test_a_failed_write_leaves_the_earlier_evaluation_whole(tmp_path, monkeypatch):
    folder = tmp_path / "eval" / "test"
    write(folder, {"step": 1})
    before = {name: (folder / name).read_bytes() for name in os.listdir(str(folder))}

    def full(path, value):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(eval_files, "write_json", full)
    with pytest.raises(OSError, match="No space"):  # told in one sentence by the script
        write(folder, {"step": 2})
    assert {name: (folder / name).read_bytes() for name in os.listdir(str(folder))} == before
    assert os.listdir(str(tmp_path / "eval")) == ["test"]


@pytest.mark.promise(
    "an evaluation is killed while it writes",
    "a report is never beside predictions of another checkpoint",
)
def test_a_report_never_stands_beside_other_predictions(tmp_path, monkeypatch):
    folder = tmp_path / "eval" / "test"
    write(folder, {"step": 1})
    moves, replace = [], os.replace

    def stop_before_the_last(source, target):
        if os.path.dirname(target) == str(folder):
            moves.append(target)
            if len(moves) == 3:
                raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop_before_the_last)
    with pytest.raises(KeyboardInterrupt):
        write(folder, {"step": 2})
    assert len(moves) == 3 and eval_files.read_report(str(folder)) is None


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, code):
    def refuse(path, *args, **kwargs):
        raise OSError(code, os.strerror(code), path)

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(UserError, match=os.strerror(code)) as caught:
        eval_files.make_folder(str(tmp_path / "eval" / "test"))
    assert "\n" not in str(caught.value)


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path):
    (tmp_path / "eval").write_text("mine")
    with pytest.raises(UserError, match="can't be written"):
        eval_files.make_folder(str(tmp_path / "eval" / "test"))
    assert (tmp_path / "eval").read_text() == "mine"


def test_a_picture_that_fails_costs_one_warning(tmp_path, caplog, monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device", "neighbours.png")

    monkeypatch.setattr(plots, "neighbours", fails)
    images = ImageList(paths=[str(tmp_path / "gone.jpg")] * 2)
    nearest = np.array([[1], [0]])
    eval_files.draw_pictures(
        str(tmp_path), ARRAYS, ARRAYS["embeddings"], nearest, images, ["x", "y"], 0, 200
    )
    (message,) = {record.getMessage() for record in caplog.records}
    assert "neighbours.png can't be drawn (OSError" in message
    assert sorted(os.listdir(str(tmp_path))) == ["confusion.png"]  # a map needs a few points

"""--table unseen: its cells, its numbers by hand, and a tiny one from data sets to table."""

import csv
import json
import os

import pytest

from evaluation import evaluator
from reproduction import flags, tiny, write
from reproduction.cells import cells_of
from reproduction.state import DONE, OTHER, states_of
from reproduction.tables import TABLES
from tests.reproduction import test_reproduce
from tests.reproduction.helpers import finish, path_in_run, request_of, write_args
from tests.reproduction.test_collect import entry
from training import trainer
from utils import logs
from utils.errors import UserError


def parse(*words):
    return flags.parse(["--table", "unseen", *words])[0]


def test_four_runs_for_each_row_data_set_and_seed_each_on_its_fold():
    request = parse("--modes", "vanilla", "hard", "--seeds", "0", "1")
    assert request.datasets == ("cub", "cars") and request.name == "unseen_folds"
    cells = cells_of(request)
    assert len(cells) == 2 * 2 * 2 * 4 == len({cell.config.run_dir for cell in cells})
    assert [cell.row.label for cell in cells[:5:4]] == ["Softmax (pooled)", "Two-head hard"]
    for number, cell in enumerate(cells):
        assert cell.fold == number % 4 and f"fold {cell.fold}" in cell.name
        config = cell.config
        assert config.lists_folder == f"lists_unseen/fold{cell.fold}" and config.sampler == "pk"
        assert (config.eval_split, config.train_iters) == ("val", 10000)
    assert {row.settings["train_mode"] for row in TABLES["unseen"].rows} > {"magnet", "vanilla"}


@pytest.mark.parametrize(
    "words, message",
    [
        (["--protocol", "clean"], "--protocol clean does not apply to --table unseen"),
        (["--budget", "short"], "--budget short does not apply to --table unseen"),
        (["--", "--lists_folder", "lists"], "--lists_folder can't be given after --"),
    ],
)
def test_what_its_protocol_decides_is_refused(words, message):
    with pytest.raises(UserError, match=message):
        parse(*words)
    with pytest.raises(UserError, match="invalid choice: 'folds'"):
        flags.parse(["--protocol", "folds"])


def test_the_interval_by_hand():
    e = entry({0: 0.80, 1: 0.82, 2: 0.87})
    half = 4.302653 * e.std / 3**0.5  # of a t distribution with 2 degrees of freedom
    assert e.interval == (pytest.approx(e.mean - half), pytest.approx(e.mean + half))
    assert entry({0: 0.5}).interval is None


def test_a_seed_counts_with_all_four_folds(tmp_path):
    common = {"runs_dir": str(tmp_path / "runs"), "datasets_dir": str(tmp_path / "none")}
    request = request_of(
        table="unseen", datasets=("cub",), modes=("vanilla", "hard"), protocol="folds",
        seeds=(0, 1), common=common,
    )  # fmt: skip
    cells = cells_of(request)
    for cell in cells:
        if (cell.row.label, cell.seed, cell.fold) != ("Two-head hard", 1, 2):
            value = 0.1 * cell.fold + 0.2 * cell.seed
            finish(cell, 0.5, **{"recall@1": value, "r_precision": value, "unseen_classes": 100})
    states = states_of(cells)
    assert {state.kind for state in states} == {DONE, "not possible"}
    write.write_all(request, cells, states, str(tmp_path / "t"))
    names = {name.split(".")[0] for name in os.listdir(str(tmp_path / "t"))}
    assert names == {"unseen_folds", "unseen_folds_retrieval"}  # nothing by accuracy
    with open(str(tmp_path / "t" / "unseen_folds.json")) as file:
        entries = {(e["row"], e["metric"]): e for e in json.load(file)["entries"]}
    softmax, hard = (entries[row, "recall@1"] for row in ("Softmax (pooled)", "Two-head hard"))
    assert softmax["values"] == {"0": pytest.approx(0.15), "1": pytest.approx(0.35)}
    assert [source["fold"] for source in softmax["sources"]] == [0, 1, 2, 3] * 2
    assert {source["split"] for source in softmax["sources"]} == {"test"}
    half = 12.7062 * 0.1  # Student's t with one degree, standard error 0.1
    assert softmax["interval_low"] == pytest.approx(0.25 - half, rel=1e-4)
    assert list(hard["values"]) == ["0"] and hard["missing"]["1"].startswith("fold 2: ")
    with open(str(tmp_path / "t" / "unseen_folds.csv")) as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "recall@1"]
    assert [row["mean"] for row in rows] == ["0.25", "0.15"]
    assert [row["n"] for row in rows] == ["2", "1"]
    with open(str(tmp_path / "t" / "unseen_folds.md"), encoding="utf-8") as file:
        text = file.read()
    assert "| Softmax (pooled) | 25.00 ± 14.14 (2) |" in text and "-102.06 to 152.06" in text
    assert "seed 0, fold 3: test split" in text and "## r_precision" in text


def test_a_run_on_other_lists_is_another_run(tmp_path):
    request = request_of(
        table="unseen", datasets=("cub",), modes=("hard",), protocol="folds", seeds=(0,),
        common={"runs_dir": str(tmp_path)},
    )  # fmt: skip
    cell = cells_of(request)[0]
    finish(cell, 0.5)
    with open(path_in_run(cell, "args.json")) as file:
        stored = json.load(file)
    write_args(cell, dict(stored, lists_folder="lists"))
    (state,) = states_of([cell])
    assert state.kind == OTHER
    assert "--lists_folder lists, not lists_unseen/fold0" in state.reason


@pytest.mark.usefixtures("small_graphs", "no_pictures")
def test_a_tiny_table_from_data_sets_to_numbers(tmp_path):
    words = ["--modes", "vanilla", "--datasets", "cub", "--budget", "tiny", "--"]
    words += ["--runs_dir", str(tmp_path), "--depth_multiplier", "0.25", "--train_iters", "1"]
    request = tiny.with_synthetic_datasets(parse(*words))
    cells = cells_of(request)
    for cell in cells:
        trainer.train(cell.config)
        for report in evaluator.final_reports(cell.config, "test"):
            assert report["unseen_classes"] == 8 and report["num_classes"] == 6
            assert report["chosen_on"] == ("val" if "best" in report["checkpoint"] else None)
    logs.stop_log()
    states = states_of(cells)
    assert [state.kind for state in states] == [DONE] * 4
    write.write_all(request, cells, states, str(tmp_path / "t"))
    with open(str(tmp_path / "t" / "unseen_folds_tiny.json")) as file:
        entries = {e["metric"]: e for e in json.load(file)["entries"]}
    assert set(entries) == set(TABLES["unseen"].metrics)
    for metric, found in entries.items():
        scores = [state.reports["folds"][metric] for state in states]
        assert found["mean"] == pytest.approx(sum(scores) / 4) and found["n"] == 1
    assert entries["recall@1"]["mean"] > 0


@pytest.mark.slow
def test_the_tiny_table_by_its_command_and_again(tmp_path):
    words = ["--table", "unseen", "--modes", "vanilla", "--datasets", "cub"]
    assert "\n4 to do\n" in test_reproduce.finish(test_reproduce.start(tmp_path, *words))
    numbers = test_reproduce.numbers_of(tmp_path, "unseen_folds_tiny")
    assert len(numbers) == 2 * 7 + 1 and all(len(values) == 1 for values in numbers.values())
    assert "\n4 done\n" in test_reproduce.finish(test_reproduce.start(tmp_path, *words))

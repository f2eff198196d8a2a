"""Tables from made-up finished runs: no training, so that all of collecting can be tried."""

import csv
import dataclasses
import json
import os
import time

import pytest

from reproduction import render
from reproduction.cells import cells_of
from reproduction.state import DONE, MISSING, plan_lines, states_of
from reproduction.tables import PAPER_DATASETS
from tests.reproduction.test_cells import order_of
from utils.errors import UserError
from utils.run_dir import write_json

SCORES = {f"recall@{k}": 0.5 for k in (1, 2, 4, 8, 16)}


def finish(cell, accuracy, step=None):
    """Writes what a finished run of a cell leaves, or one that was evaluated on the way."""
    folder = cell.config.run_dir
    os.makedirs(folder)
    args = dict(
        dataclasses.asdict(cell.config), provenance={"tensorflow": "2.21.0", "commit": "c0"}
    )
    write_json(os.path.join(folder, "args.json"), args)
    for name, extra in (("test", 0.0), ("test-best", 0.01)):
        report = dict(
            SCORES,
            accuracy=accuracy + extra,
            top5_accuracy=0.9,
            mean_per_class_accuracy=accuracy - 0.1,
            nmi=None,
            split="test",
            num_images=20,
            checkpoint="model.ckpt-40000",
            step=step or cell.config.train_iters,
            class_map="0123456789ab",
            **{"map@r": 0.25},
        )
        os.makedirs(os.path.join(folder, "eval", name))
        write_json(os.path.join(folder, "eval", name, "metrics.json"), report)


@pytest.fixture
def order(tmp_path):
    return order_of(seeds=(0, 1), common={"runs_dir": str(tmp_path / "runs")})


def finished(order, skip=()):
    cells = cells_of(order)
    for number, cell in enumerate(cells):
        if cell.dataset not in skip:
            finish(cell, 0.5 + 0.01 * number)
    return cells


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()


def test_all_files_hold_the_same_numbers(order, tmp_path):
    cells = finished(order, skip=("birds",))
    folder = str(tmp_path / "tables")
    written = render.write_all(order, cells, {}, folder)
    assert sorted(os.path.basename(path) for path in written) == sorted(os.listdir(folder))
    assert len(written) == 15
    by_cell = {(c.row.label, c.dataset, c.seed): 0.51 + 0.01 * n for n, c in enumerate(cells)}
    records = json.loads(read(folder, "resnet50_released.json"))["entries"]
    rows = list(csv.DictReader(read(folder, "resnet50_released.csv").splitlines()))
    markdown, latex = (read(folder, f"resnet50_released.{e}") for e in ("md", "tex"))
    assert len(records) == len(rows) == 20
    for record, row in zip(records, rows):
        key = (record["row"], record["dataset"])
        if key[1] == "birds":
            assert record["mean"] is None and row["mean"] == "" and "birds" in markdown
            assert "no folder" in record["missing"]["0"] and "seed 1" in row["missing"]
            continue
        mean = (by_cell[key + (0,)] + by_cell[key + (1,)]) / 2
        assert record["mean"] == pytest.approx(mean) == float(row["mean"])
        assert f"{100 * mean:.2f} ± " in markdown and f"{100 * mean:.2f} $\\pm$ " in latex
        assert record["gain"] == (None if key[0] == "Softmax" else pytest.approx(record["gain"]))
        source = record["sources"][0]
        assert source["checkpoint_rule"] == "best on the test list" and source["commit"] == "c0"
        assert (source["iterations"], source["class_map"]) == (40000, "0123456789ab")
    assert "85.85" in markdown and "Where the numbers come from" in markdown


def test_protocols_read_different_checkpoints_of_the_same_run(order, tmp_path):
    finished(order)
    hard = {}
    for protocol in ("released", "clean"):
        asked = order._replace(protocol=protocol, modes=("hard",))
        render.write_all(asked, cells_of(asked), {}, str(tmp_path / "t"))
        records = json.loads(read(str(tmp_path / "t"), f"resnet50_{protocol}.json"))["entries"]
        hard[protocol] = records[0]["mean"]
    assert hard["released"] - hard["clean"] == pytest.approx(0.01)


def test_a_score_that_cannot_be_asked_stays_empty(order, tmp_path):
    render.write_all(order, finished(order), {}, str(tmp_path / "t"))
    records = json.loads(read(str(tmp_path / "t"), "resnet50_released_retrieval.json"))["entries"]
    nmi = [r for r in records if r["metric"] == "nmi"]
    assert all(r["mean"] is None and r["n"] == 0 for r in nmi)
    assert all(r["mean"] == 0.25 for r in records if r["metric"] == "map@r")


def test_two_hundred_finished_cells_are_collected_in_ten_seconds(order, tmp_path):
    order = order._replace(seeds=tuple(range(10)))
    cells = finished(order)
    start = time.perf_counter()
    assert all(state.kind == DONE for state in states_of(cells))
    render.write_all(order, cells, {}, str(tmp_path / "t"))
    assert len(cells) == 200 and time.perf_counter() - start < 10


def test_cut_and_foreign_runs_are_refused(order, tmp_path):
    cells = finished(order._replace(datasets=("cars",), modes=("hard",)))
    folder = cells[0].config.run_dir
    path = os.path.join(folder, "eval", "test", "metrics.json")
    whole = read(folder, "eval/test/metrics.json")
    for text in (whole.replace("step", "stop", 1), whole[:40]):
        with open(path, "w") as file:
            file.write(text)
        with pytest.raises(UserError, match="evaluate again"):
            states_of(cells)
    with open(path, "w") as file:
        file.write(whole)
    args = json.loads(read(folder, "args.json"))
    for name, value in (("margin", 0.7), ("train_iters", 100)):
        write_json(os.path.join(folder, "args.json"), dict(args, **{name: value}))
        with pytest.raises(UserError, match=f"--{name}"):
            states_of(cells)


def test_the_plan_counts_and_estimates(order):
    cells = finished(order, skip=("birds", "dogs"))
    states = states_of(cells)
    lines = plan_lines(cells, states)
    assert len(lines) == 24 + 2 + 1
    assert lines[-1] == "24 done, 0 partly done, 0 to do, 16 not possible"
    for line in lines[-3:-1]:  # one line a reason
        assert line.startswith(f"{MISSING:12} 8 cells: there is no folder")
    assert {c.dataset for c, s in zip(cells, states) if s.kind == MISSING} == {"birds", "dogs"}
    assert PAPER_DATASETS[0] in lines[0]


def test_the_time_of_the_rest_follows_from_measured_steps(order, monkeypatch):
    monkeypatch.setattr("reproduction.state._what_is_missing", lambda config: "")
    cells = cells_of(order)
    lines = plan_lines(cells, states_of(cells))
    assert lines[-1] == "how long resnet50 takes is not known: no run was measured"
    finish(cells[0], 0.5)
    with open(os.path.join(cells[0].config.run_dir, "metrics.csv"), "w") as file:
        file.write("step,split,images_per_second\n1,train,1\n100,train,64\n200,train,64\n")
    hours = 39 * 40000 * (32 / 64) / 3600
    expected = f"the training of the rest should take {hours:.1f} h on one device"
    assert plan_lines(cells, states_of(cells))[-1] == expected


def test_tables_that_cannot_be_written(order, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        render.write_all(order, cells_of(order), {}, str(tmp_path / "file" / "t"))


def test_a_number_of_zero_has_no_minus():
    assert render.percent(-1e-7, signed=True) == "+0.00" and render.percent(-1e-7) == "0.00"
    assert render.percent(-0.0123, signed=True) == "-1.23" and render.percent(None) == ""


def test_what_to_expect_stands_only_above_the_papers_recipe(order):
    assert "Expected: " in render.to_markdown(order, [])
    changed = order_of(common={"train_iters": 500})
    assert "Expected: " not in render.to_markdown(changed, [])
    assert "which is not the paper's recipe" in render.to_markdown(changed, [])


def test_a_run_that_was_evaluated_on_the_way_is_not_done(order):
    cells = cells_of(order)[:2]
    finish(cells[0], 0.5, step=20000)
    finish(cells[1], 0.5)
    on_the_way, done = states_of(cells)
    assert on_the_way.kind != DONE and done.kind == DONE

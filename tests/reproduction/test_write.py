import csv
import json
import os

import numpy as np
import pytest
from PIL import Image

from reproduction import figure, write
from reproduction.cells import cells_of
from reproduction.figure import axis_of
from reproduction.state import states_of
from reproduction.tables import TABLES
from tests.reproduction.helpers import finish, path_in_run, request_of, write_lists
from utils.errors import UserError
from utils.run_dir import write_json

# Matplotlib 3.5 warns of error bars of NaN alone.
pytestmark = pytest.mark.filterwarnings("error:All-NaN")


@pytest.fixture
def request_(tmp_path):
    common = {"runs_dir": str(tmp_path / "runs"), "datasets_dir": str(tmp_path / "datasets")}
    return request_of(seeds=(0, 1), common=common)


def finished(request, skip=()):
    cells = cells_of(request)
    for number, cell in enumerate(cells):
        if cell.dataset not in skip:
            finish(cell, 0.5 + 0.01 * number)
    return cells


def write_all(request, folder):
    cells = cells_of(request)
    return write.write_all(request, cells, states_of(cells), str(folder))


def read(folder, name):
    with open(os.path.join(str(folder), name), encoding="utf-8") as file:
        return file.read()


def entries_of(folder, name):
    return json.loads(read(folder, name + ".json"))["entries"]


def test_all_files_hold_the_same_numbers(request_, tmp_path):
    cells = finished(request_, skip=("birds",))
    folder = tmp_path / "tables"
    written = write_all(request_, folder)
    assert sorted(os.path.basename(path) for path in written) == sorted(os.listdir(str(folder)))
    assert len(written) == 15
    by_cell = {(c.row.label, c.dataset, c.seed): 0.51 + 0.01 * n for n, c in enumerate(cells)}
    records = entries_of(folder, "resnet50_released")
    rows = list(csv.DictReader(read(folder, "resnet50_released.csv").splitlines()))
    markdown, latex = (read(folder, f"resnet50_released.{e}") for e in ("md", "tex"))
    assert len(records) == len(rows) == 20
    for record, row in zip(records, rows):
        key = (record["row"], record["dataset"])
        if key[1] == "birds":
            assert record["mean"] is None and row["mean"] == "" and "birds" in markdown
            assert "no folder" in record["missing"]["0"] and "seed 1" in row["missing"]
            continue
        values = [by_cell[key + (seed,)] for seed in (0, 1)]
        mean = sum(values) / 2
        assert record["mean"] == pytest.approx(mean) == float(row["mean"])
        assert f"{100 * mean:.2f} ± " in markdown and f"{100 * mean:.2f} $\\pm$ " in latex
        softmax = [by_cell["Softmax", key[1], seed] for seed in (0, 1)]
        gain = None if key[0] == "Softmax" else pytest.approx(mean - sum(softmax) / 2)
        assert record["gain"] == gain
        source = record["sources"][0]
        assert source["checkpoint_rule"] == "best on the test list" and source["commit"] == "c0"
        assert (source["iterations"], source["class_map"]) == (40000, "0123456789ab")
    assert "85.85" in markdown and "Sources of the numbers" in markdown


def test_protocols_read_different_checkpoints_of_the_same_run(request_, tmp_path):
    finished(request_)
    hard = {}
    for protocol in ("released", "clean"):
        write_all(request_._replace(protocol=protocol, modes=("hard",)), tmp_path / "t")
        hard[protocol] = entries_of(tmp_path / "t", f"resnet50_{protocol}")[0]["mean"]
    assert hard["released"] - hard["clean"] == pytest.approx(0.01)


def test_a_score_that_a_report_lacks_stays_empty(request_, tmp_path):
    finished(request_)
    write_all(request_, tmp_path / "t")
    records = entries_of(tmp_path / "t", "resnet50_released_retrieval")
    assert {r["metric"] for r in records if r["mean"] is None} == {"nmi"}
    assert all(r["mean"] == 0.25 for r in records if r["metric"] == "map@r")


def test_the_retrieval_table_shows_every_space_that_a_report_has(request_, tmp_path):
    request = request_._replace(datasets=("cars",), modes=("vanilla", "hard"), seeds=(0,))
    softmax, hard = cells_of(request)
    finish(softmax, 0.5)
    spaces = {"embedding": 0.7, "pooled": 0.6, "both": 0.8}
    nested = {space: {"recall@1": value, "nmi": None} for space, value in spaces.items()}
    finish(hard, 0.5, spaces=nested)
    write_all(request, tmp_path / "t")
    records = entries_of(tmp_path / "t", "resnet50_released_retrieval")
    means = {(r["row"], r["metric"]): r["mean"] for r in records}
    assert len(records) == 2 * 7 * 4
    for space, value in spaces.items():
        assert means["Two-head hard", f"{space}/recall@1"] == value
        assert means["Two-head hard", f"{space}/nmi"] is None
        assert means["Softmax", f"{space}/recall@1"] is None
    assert means["Softmax", "recall@1"] == means["Two-head hard", "recall@1"] == 0.5
    assert "## both/recall@1" in read(tmp_path / "t", "resnet50_released_retrieval.md")


def test_a_damaged_run_costs_the_table_one_number(request_, tmp_path):
    cells = finished(request_)
    write_json(path_in_run(cells[3], "eval", "test", "metrics.json"), [])
    write_all(request_, tmp_path / "t")
    records = entries_of(tmp_path / "t", "resnet50_released")
    damaged = [r for r in records if r["missing"]]
    assert len(damaged) == 1 and damaged[0]["n"] == 1 and len(records) == 20
    assert damaged[0]["missing"]["0"].startswith("damaged: ")
    assert "damaged: " in read(tmp_path / "t", "resnet50_released.md")


def test_the_long_tail_of_the_lists_is_in_the_heading(request_, tmp_path):
    request = request_._replace(table="imbalance", datasets=("cars", "dogs"), seeds=(0,))
    write_lists(str(tmp_path / "datasets"), "cars", [80, 60, 40, 40], num_test=3)
    cells = cells_of(request)
    states = [s._replace(imbalance=s.imbalance and 4.0) for s in states_of(cells)]
    write.write_all(request, cells, states, str(tmp_path / "t"))
    heading = read(tmp_path / "t", "imbalance_released.md").splitlines()[0]
    assert "cars 4, dogs asked for 10, not measured" in heading


def test_tables_that_cannot_be_written(request_, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        write_all(request_, tmp_path / "file" / "t")


@pytest.fixture
def drawn(monkeypatch):
    """Dict from a line of a figure to its rows and its places."""
    found, real = {}, figure._draw

    def draw(axes, entries, places, colour, label, line=""):
        real(axes, entries, places, colour, label, line)
        found[label] = [entry.row for entry in entries], np.round(places).tolist()

    monkeypatch.setattr(figure, "_draw", draw)
    return found


def test_softmax_crosses_the_figure_of_a_sweep(request_, tmp_path, drawn):
    request = request_._replace(table="ablation_lambda", datasets=("cars",))
    finished(request)
    write_all(request, tmp_path / "t")
    by_lambda = [f"Two-head hard, triplet_loss_lambda {v}" for v in (0.1, 0.5, 1.0, 2.0)]
    assert drawn["Two-head hard"] == (by_lambda, [0, 1, 2, 3])
    assert drawn["Softmax"] == (4 * ["Softmax"], [0, 1, 2, 3])


def test_a_table_with_an_axis_of_its_own_draws_a_line_for_each_mode(request_, tmp_path, drawn):
    request = request_._replace(table="few_images", datasets=("cars",))
    table = TABLES["few_images"]
    x, places = axis_of(table, table.rows)
    assert x == "shots" and places["Two-head hard, 4 images"] == ("Two-head hard", 4)
    finished(request)
    write_all(request, tmp_path / "t")
    for mode in ("Softmax", "Two-head hard"):
        rows = [f"{mode}, {number} images" for number in (2, 4, 8)]
        assert drawn[mode] == (rows, [0, 1, 2])
    records = entries_of(tmp_path / "t", "few_images_released")
    gains = {r["row"]: r["gain"] for r in records}
    assert gains["Softmax, 8 images"] is None
    means = {r["row"]: r["mean"] for r in records}
    for number in (2, 4, 8):
        gain = means[f"Two-head hard, {number} images"] - means[f"Softmax, {number} images"]
        assert gains[f"Two-head hard, {number} images"] == pytest.approx(gain)
    with Image.open(str(tmp_path / "t" / "few_images_released.png")) as picture:
        assert picture.size[0] > 400

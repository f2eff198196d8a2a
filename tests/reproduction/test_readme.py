import os
import re

import pytest

from reproduction import readme
from reproduction.render import Table, to_csv
from tests.reproduction.helpers import request_of
from tests.reproduction.test_collect import entry


@pytest.fixture
def results(tmp_path):
    """A folder with the CSV file of a table."""
    softmax = entry({0: 0.5, 1: 0.52}, row="Softmax")
    hard = entry({0: 0.6, 1: 0.58}, None, softmax.values, gain_interval=(0.01, 0.1512))
    center = entry({}, row="Two-head center")
    table = Table(request_of(), "", [softmax, hard, center])
    (tmp_path / "a.csv").write_text(to_csv(table))
    return str(tmp_path)


def test_a_table_is_made_from_the_file(results):
    text = "before\n<!-- results a.csv: accuracy -->\nold\n<!-- end -->\nafter\n"
    lines = readme.updated(text, results).splitlines()
    assert lines == [
        "before",
        "<!-- results a.csv: accuracy -->",
        "|  | accuracy | gain [95 % interval] |",
        "|---|---|---|",
        "| Softmax | 51.00 ± 1.41 (2) |  |",
        "| Two-head hard | 59.00 ± 1.41 (2) | +8.00 [+1.00, +15.12] |",
        "| Two-head center |  |  |",
        "<!-- end -->",
        "after",
    ]
    assert readme.updated("\n".join(lines), results).splitlines() == lines


@pytest.mark.parametrize("page", readme.PAGES)
def test_the_readmes_hold_what_is_in_results(page):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    assert readme.updated(text) == text
    files = {name for name in os.listdir(readme.RESULTS) if name.endswith(".csv")}
    shown = set(re.findall(r"<!-- results (\S+):", text))
    assert shown and shown <= files


def test_figures_that_a_readme_shows_are_drawn(tmp_path, monkeypatch):
    (tmp_path / "imgs").mkdir()
    (tmp_path / "README.md").write_text('<img src="imgs/flowers17_few_images.png">')
    monkeypatch.setattr(readme, "PAGES", [str(tmp_path / "README.md")])
    monkeypatch.setattr(readme, "ROOT", str(tmp_path))
    readme.main()
    assert os.listdir(str(tmp_path / "imgs")) == ["flowers17_few_images.png"]


def test_every_file_of_results_says_where_its_numbers_come_from():
    for name in os.listdir(readme.RESULTS):
        if not name.endswith(".csv"):
            continue
        for row in readme.read(os.path.join(readme.RESULTS, name)):
            made = readme.entry_of(row)
            assert int(row["n"]) == len(made.values) and row["commit"] and row["tensorflow"], name
            assert float(row["mean"]) == pytest.approx(made.mean, abs=1e-6), name


@pytest.mark.parametrize("mode", ["hard", "SupCon"])
@pytest.mark.parametrize("metric", ["accuracy", "pooled/map@r"])
def test_the_first_screen_quotes_the_table(mode, metric):
    with open(readme.README, encoding="utf-8") as file:
        first_screen = " ".join(file.read().split("## Two commands")[0].split())
    intervals = first_screen.replace(" points (95 % interval ", " (").replace("; the paper", ")")
    rows = readme.read(os.path.join(readme.RESULTS, "flowers102_k2.csv"))
    (row,) = (r for r in rows if (r["row"], r["metric"]) == (f"Two-head {mode}", metric))
    gain, low, high = (f"{100 * float(row[n]):+.1f}" for n in ("gain", "gain_low", "gain_high"))
    assert f"{gain} ({low} to {high})" in intervals


def test_the_rows_of_several_data_sets_name_theirs(tmp_path):
    entries = [entry({0: 0.5}, row="Softmax"), entry({0: 0.6}, row="Softmax", dataset="dogs")]
    (tmp_path / "a.csv").write_text(to_csv(Table(request_of(), "", entries)))
    lines = readme.table_of(readme.read(str(tmp_path / "a.csv")), ["accuracy"]).splitlines()
    assert lines[2:] == ["| Softmax, cars | 50.00 (1) |  |", "| Softmax, dogs | 60.00 (1) |  |"]

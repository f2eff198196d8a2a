"""States of made-up runs: which are taken as done, and that one of them stops no other."""

import builtins
import collections
import dataclasses
import os

import pytest

from data import lists
from reproduction import state
from reproduction.cells import cells_of
from reproduction.plan import plan_lines
from reproduction.protocols import PROTOCOLS
from reproduction.state import DAMAGED, DONE, FAILED, MISSING, OPEN, OTHER, PARTLY, states_of
from tests.reproduction.helpers import (
    CLASS_MAP_OF_TWO,
    finish,
    path_in_run,
    request_of,
    write_args,
    write_lists,
)


@pytest.fixture
def request_(tmp_path):
    common = {"runs_dir": str(tmp_path / "runs"), "datasets_dir": str(tmp_path / "datasets")}
    return request_of(datasets=("cars",), seeds=(0, 1), common=dict(common, pretrained="none"))


def finished(request):
    cells = cells_of(request)
    for cell in cells:
        finish(cell, 0.5)
    return cells


def changed(cell, **changes):
    write_args(cell, dict(dataclasses.asdict(cell.config), **changes))


def test_finished_runs_are_done_without_their_data_set(request_):
    cells = finished(request_)
    states = states_of(cells)
    assert {s.kind for s in states} == {DONE}
    assert set(states[0].reports) == set(PROTOCOLS) - {"validation"}
    assert state.cells_to_do(cells, states) == [] and state.exit_code(states) == 0


def test_runs_of_the_validation_protocol_are_scored_on_the_validation_list_alone(request_):
    datasets_dir = request_.common["datasets_dir"]
    request = request_._replace(datasets=("cars", "flowers", "aircrafts"), protocol="validation")
    write_lists(datasets_dir, "cars", [8, 8], 20)
    write_lists(datasets_dir, "flowers", [8, 8], 3, num_val=20)
    write_lists(datasets_dir, "aircrafts", [8, 8], 20, num_val=20)
    cells = [cell for cell in cells_of(request) if cell.seed == 0]
    by_name = {cell.dataset: state for cell, state in zip(cells, states_of(cells))}
    assert (by_name["cars"].kind, by_name["aircrafts"].kind) == (MISSING, MISSING)
    assert "val" in by_name["cars"].reason and "training images, too" in by_name["aircrafts"].reason
    assert by_name["flowers"].kind == OPEN
    flowers = [cell for cell in cells if cell.dataset == "flowers"]
    for cell in flowers:
        finish(cell, 0.5, CLASS_MAP_OF_TWO)
    states = states_of(flowers)
    assert {(s.kind, *s.reports) for s in states} == {(DONE, "validation")}
    os.remove(path_in_run(flowers[0], "eval", "val", "metrics.json"))
    assert states_of(flowers)[0].kind == OPEN


@pytest.mark.parametrize(
    "name, value",
    [
        ("margin", 0.7),
        ("train_iters", 100),
        ("learning_rate", 0.1),
        ("end_learning_rate", 0.001),
        ("eval_every_steps", 50),
        ("eval_split", "val"),
        ("imbalance_ratio", 2.0),
    ],
)
def test_a_run_of_other_settings_is_not_the_cells(request_, name, value):
    cells = finished(request_)
    cell = next(cell for cell in cells if cell.config.train_mode == "hard")
    changed(cell, **{name: value})
    states = states_of(cells)
    kinds = collections.Counter(s.kind for s in states)
    assert kinds == {OTHER: 1, DONE: len(cells) - 1} and state.exit_code(states) == 1
    found = states[cells.index(cell)]
    assert f"--{name} {value}, not {getattr(cell.config, name)}" in found.reason
    assert cell not in state.cells_to_do(cells, states)


def test_settings_that_change_no_number_may_differ(request_):
    cells = finished(request_)
    for name, value in (("log_every_steps", 7), ("parallel_calls", 3), ("gpu", "-1")):
        changed(cells[0], **{name: value})
        assert states_of(cells)[0].kind == DONE


@pytest.mark.parametrize(
    "changes",
    [
        {"embedding": "pooled"},
        {"num_images": 19},
        {"split": "val"},
        {"class_map": "another map"},
        {"step": 20000},
        {"checkpoint": "best/model.ckpt-40000"},
        {"checkpoint": "model.ckpt-40000"},
    ],
)
def test_an_evaluation_of_something_else_is_made_again(request_, tmp_path, monkeypatch, changes):
    write_lists(str(tmp_path / "datasets"), "cars", [5, 5], num_test=20)
    cells = cells_of(request_._replace(modes=("hard",)))
    finish(cells[0], 0.5, **dict({"class_map": CLASS_MAP_OF_TWO}, **changes))
    finish(cells[1], 0.5, CLASS_MAP_OF_TWO)
    changed(cells[0], image_counts={"train": 10, "test": 20})
    monkeypatch.setattr(state, "_steps_done", lambda config: config.train_iters)
    first, second = states_of(cells)
    assert (first.kind, second.kind) == (PARTLY, DONE)
    entry, value = next(iter(changes.items()))
    assert f"has {entry} {value}" in first.reason
    assert state.cells_to_do(cells, [first, second]) == cells[:1]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_run_on_other_lists_is_not_the_cells(request_, tmp_path, split):
    write_lists(str(tmp_path / "datasets"), "cars", [5, 5], num_test=20)
    cells = finished(request_)
    counts = {"train": 10, "test": 20}
    changed(cells[0], image_counts=dict(counts, **{split: 4}))
    found = states_of(cells)[0]
    assert found.kind == OTHER
    assert f"on a {split} list of 4 images, which now has {counts[split]}" in found.reason


def test_image_counts_of_the_run_stand_in_for_lists_that_are_not_here(request_):
    cells = finished(request_)
    changed(cells[0], image_counts={"test": 21})
    assert states_of(cells)[0].kind == MISSING  # to be evaluated again, without its data set
    changed(cells[0], image_counts={"test": 20})
    assert states_of(cells)[0].kind == DONE


DAMAGES = {
    "args.json": b"{",
    "eval/test/metrics.json": b"{}",
    "eval/test-best/metrics.json": b"\xff\xfe",
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_cell_is_one_damaged_cell(request_, name):
    cells = finished(request_)
    with open(path_in_run(cells[2], name), "wb") as file:
        file.write(DAMAGES[name])
    states = states_of(cells)
    assert [s.kind for s in states] == [DONE, DONE, DAMAGED] + [DONE] * (len(cells) - 3)
    assert name.split("/")[-1] in states[2].reason and state.exit_code(states) == 1
    lines = plan_lines(cells, states)
    assert f"damaged      {cells[2].name}: {states[2].reason}" in lines
    assert f"{len(cells) - 1} done, 1 damaged" in lines


@pytest.mark.parametrize("name", ["image_counts", "provenance"])
def test_records_of_another_kind_are_damage(request_, name):
    cells = finished(request_)
    changed(cells[0], **{name: [1]})
    states = states_of(cells)
    assert states[0].kind == DAMAGED and f"{name} can't be [1]" in states[0].reason
    assert {s.kind for s in states[1:]} == {DONE}


@pytest.mark.parametrize(
    "score", [{"mean_per_class_accuracy": "0.9"}, {"recall@1": 7.0}, {"spaces": [1]}]
)
def test_scores_that_are_no_scores_are_damage(request_, score):
    cells = cells_of(request_)[:2]
    finish(cells[0], 0.5, **score)
    finish(cells[1], 0.5)
    states = states_of(cells)
    assert [s.kind for s in states] == [DAMAGED, DONE]
    assert list(score)[0] in states[0].reason


@pytest.mark.parametrize("content", [b"\xff\xfe", b"garbage {", b"", None])
def test_a_damaged_checkpoint_is_one_damaged_cell(request_, content):
    cells = finished(request_)
    os.remove(path_in_run(cells[0], "eval", "test", "metrics.json"))
    listed = b'model_checkpoint_path: "model.ckpt-5"\n'
    with open(path_in_run(cells[0], "checkpoint"), "wb") as file:
        file.write(listed if content is None else content)
    for ending in ("index", "data-00000-of-00001"):
        with open(path_in_run(cells[0], f"model.ckpt-5.{ending}"), "wb") as file:
            file.write(b"cut")
    states = states_of(cells)
    assert states[0].kind == DAMAGED and "can't be read" in states[0].reason
    assert {s.kind for s in states[1:]} == {DONE}


def test_a_folder_of_something_else_is_one_damaged_cell(request_):
    cells = finished(request_._replace(seeds=(0,)))[:1] + cells_of(request_._replace(seeds=(1,)))
    os.makedirs(cells[1].config.run_dir)
    with open(path_in_run(cells[1], "notes.txt"), "w") as file:
        file.write("mine")
    states = states_of(cells)
    assert (states[0].kind, states[1].kind, states[2].kind) == (DONE, DAMAGED, MISSING)


def test_a_failure_of_just_now_is_a_state(request_, tmp_path):
    write_lists(str(tmp_path / "datasets"), "cars", [5, 5], num_test=20)
    cells = cells_of(request_)
    finish(cells[1], 0.5, CLASS_MAP_OF_TWO)
    states = states_of(cells, {cells[0].config.run_dir: "out of memory"})
    assert (states[0].kind, states[0].reason) == (FAILED, "out of memory")
    assert {s.kind for s in states[2:]} == {OPEN}
    assert state.exit_code(states) == 1


def test_exit_codes():
    def code(*kinds):
        return state.exit_code([state.State(kind) for kind in kinds])

    assert code(DONE, DONE) == code(DONE, MISSING) == code(OPEN, MISSING) == 0
    assert code(DONE, FAILED) == code(DAMAGED, MISSING) == code(OTHER, DONE) == 1
    assert code(MISSING, MISSING) == 2


def test_the_long_tail_is_measured_on_the_training_list(request_, tmp_path):
    write_lists(str(tmp_path / "datasets"), "cars", [30, 12, 5], num_test=4)
    cells = cells_of(request_._replace(seeds=(0,)))
    assert {s.imbalance for s in states_of(cells)} == {6.0}


def test_the_lists_of_each_number_of_images_are_their_own(request_, tmp_path):
    write_lists(str(tmp_path / "datasets"), "cars", [30, 3], num_test=4)
    cells = cells_of(request_._replace(table="few_images", modes=None, seeds=(0,)))
    found = {c.config.shots: s.imbalance for c, s in zip(cells, states_of(cells))}
    assert found == {2: 1.0, 4: 4 / 3, 8: 8 / 3}


def test_every_file_of_a_run_and_every_list_is_read_once(request_, tmp_path, monkeypatch):
    write_lists(str(tmp_path / "datasets"), "cars", [5, 5], num_test=20)
    cells = cells_of(request_._replace(seeds=tuple(range(10))))
    for cell in cells:
        finish(cell, 0.5, CLASS_MAP_OF_TWO)
    opened = collections.Counter()
    real = builtins.open

    def counting(path, *args, **kwargs):
        opened[str(path)] += 1
        return real(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", counting)
    loads = []
    real_load = lists.load
    monkeypatch.setattr(lists, "load", lambda *a: loads.append(a) or real_load(*a))
    assert {s.kind for s in states_of(cells)} == {DONE}
    runs = {path: n for path, n in opened.items() if path.startswith(cells[0].config.runs_dir)}
    assert len(runs) == 3 * len(cells) and set(runs.values()) == {1}
    assert len(loads) == 1


def test_the_plan_counts_and_names_each_reason_once(request_):
    request = request_._replace(datasets=("cars", "birds"))
    cells = cells_of(request)
    for cell in cells:
        if cell.dataset == "cars":
            finish(cell, 0.5)
    lines = plan_lines(cells, states_of(cells))
    assert len(lines) == 8 + 1 + 1
    assert lines[-1] == "8 done, 8 not possible"
    assert lines[-2].startswith(f"{MISSING:12} 8 cells: there is no folder")
    assert "cars" in lines[0]


def test_the_time_of_the_rest_follows_from_measured_steps(request_, tmp_path):
    write_lists(str(tmp_path / "datasets"), "cars", [5, 5], num_test=20)
    cells = cells_of(request_)
    assert plan_lines(cells, states_of(cells))[-1] == (
        "time for resnet50: unknown until a run has been measured"
    )
    finish(cells[0], 0.5, CLASS_MAP_OF_TWO)
    with open(path_in_run(cells[0], "metrics.csv"), "w") as file:
        file.write("step,split,images_per_second\n1,train,1\n100,train,64\n200,train,64\n")
    hours = 7 * 40000 * (32 / 64) / 3600
    last = plan_lines(cells, states_of(cells))[-1]
    assert last == f"remaining training time: {hours:.1f} h on one device"

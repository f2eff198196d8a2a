import pytest

from config.losses import LOSSES, TRAIN_MODES
from config.networks import NETWORKS
from evaluation.evaluator import FINAL_EVALUATIONS
from reproduction.cells import cells_of, rows_of
from reproduction.protocols import PROTOCOLS
from reproduction.tables import BUDGETS, PAPER_DATASETS, TABLES
from tests.reproduction.helpers import request_of
from utils.errors import UserError

# The tiny budget has one network and batches of 8 images.
REFUSED_BY_TINY = {
    "backbones": "resnet50_v1, softmax .* the same run.*--budget tiny",
    "ablation_batch_size": "batch_size 16 and .*, batch_size 32 .* the same run.*--budget tiny",
    "ablation_images_per_class": "holds a single class of --images_per_class 8",
}


def test_the_papers_table_has_its_sixty_cells():
    cells = cells_of(request_of())
    assert len(cells) == 4 * 5 * 3
    assert len({cell.config.run_dir for cell in cells}) == 60
    assert [cell.seed for cell in cells[:20]] == [0] * 20
    for cell in cells:
        assert (cell.config.net, cell.config.train_iters) == ("resnet50", 40000)
        assert cell.config.seed == cell.seed and cell.config.dataset == cell.dataset


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("budget", BUDGETS)
def test_every_table_resolves_under_every_budget(name, budget):
    request = request_of(table=name, datasets=("flowers",), seeds=(0,), budget=budget)
    if budget == "tiny" and name in REFUSED_BY_TINY:
        with pytest.raises(UserError, match=REFUSED_BY_TINY[name]):
            cells_of(request)
        return
    cells = cells_of(request)
    assert len(cells) == len(TABLES[name].rows) * (TABLES[name].folds or 1)
    assert len({cell.config.run_dir for cell in cells}) == len(cells)


def test_published_numbers_are_those_of_the_release():
    rows = {row.settings["train_mode"]: row.published for row in TABLES["resnet50"].rows}
    assert [rows["hard"][name] for name in PAPER_DATASETS] == [89.44, 86.61, 72.70, 87.33, 66.19]
    assert [rows["vanilla"][name] for name in PAPER_DATASETS] == [85.85, 85.68, 69.76, 83.22, 64.23]
    assert [rows["semi_hard"][n] for n in PAPER_DATASETS] == [88.22, 85.52, 70.69, 85.08, 65.20]
    assert [rows["center"][n] for n in PAPER_DATASETS] == [88.23, 85.00, 70.45, 84.48, 65.50]


def test_protocols_share_the_two_head_runs_but_not_softmax():
    names = ("released", "clean")
    released, clean = (cells_of(request_of(protocol=name, seeds=(0,))) for name in names)
    for one, other in zip(released, clean):
        same = one.config.run_dir == other.config.run_dir
        assert same == (one.config.train_mode != "vanilla")
    assert {cell.config.sampler for cell in clean} == {"pk"}
    assert {c.config.sampler for c in released if c.config.train_mode == "vanilla"} == {"shuffle"}


@pytest.mark.parametrize(
    "table, default",
    [
        ("ablation_margin", "margin 0.2"),
        ("ablation_lambda", "triplet_loss_lambda 1.0"),
        ("ablation_emb_dim", "emb_dim 256"),
        ("ablation_emb_pool", "emb_pool flatten"),
        ("ablation_images_per_class", "images_per_class 4"),
        ("ablation_batch_size", "batch_size 32"),
        ("recipes", "paper"),
    ],
)
def test_a_default_value_is_not_trained_again(table, default):
    request = request_of(protocol="clean", seeds=(0,), datasets=("cars",))
    known = [cell.config for cell in cells_of(request)]
    cells = cells_of(request._replace(table=table))
    shared = {cell.row.label for cell in cells if cell.config in known}
    assert {label for label in shared if "hard" in label} == {f"Two-head hard, {default}"}
    assert len(shared) == 2
    assert len({cell.config.run_dir for cell in cells}) == len(cells)


def test_a_run_that_is_scored_on_the_validation_list_is_a_run_of_its_own():
    clean, val = (cells_of(request_of(protocol=name)) for name in ("clean", "validation"))
    assert not {c.config.run_dir for c in clean} & {c.config.run_dir for c in val}
    assert {(c.config.eval_split, c.config.final_split) for c in val} == {("val", "val")}
    assert {c.config.sampler for c in val} == {"pk"}


def test_modes_choose_rows_and_add_those_that_the_table_lacks():
    rows = rows_of(request_of(modes=("adaptive", "vanilla")))
    assert [row.label for row in rows] == ["Softmax", "Two-head adaptive"]
    assert rows[1].published == {}
    assert set(row.settings["train_mode"] for row in rows_of(request_of(modes=TRAIN_MODES))) == set(
        TRAIN_MODES
    )


def test_common_flags_go_before_the_recipe_and_into_the_folder():
    plain = cells_of(request_of(seeds=(0,)))
    given = cells_of(request_of(seeds=(0,), common={"train_iters": 500, "net": "mobile"}))
    assert {cell.config.train_iters for cell in given} == {500}
    assert {cell.config.net for cell in given} == {"mobile"}
    assert not {c.config.run_dir for c in plain} & {c.config.run_dir for c in given}


def test_folders_are_no_part_of_the_recipe():
    moved = request_of(seeds=(0,), common={"datasets_dir": "/elsewhere"})
    names = [c.config.run_dir for c in cells_of(moved)]
    assert names == [c.config.run_dir for c in cells_of(request_of(seeds=(0,)))]
    assert moved.changes == {}


def test_impossible_settings_of_a_cell_are_refused():
    with pytest.raises(UserError, match="--margin"):
        cells_of(request_of(common={"margin": 0.5}))
    with pytest.raises(UserError, match="hard, margin 0.1 and .*, margin 0.2 .* the same run"):
        cells_of(request_of(table="ablation_margin", modes=("hard",), common={"margin": 0.5}))


def test_networks_of_the_tables_exist():
    named = {r.settings.get("net") for t in TABLES.values() for r in t.rows}
    named |= {t.settings.get("net") for t in TABLES.values()}
    assert named - {None} <= set(NETWORKS)


def test_labels_are_the_titles_of_the_losses():
    for name, table in TABLES.items():
        for row in table.rows:
            if set(row.settings) == {"train_mode"}:
                title = LOSSES[row.settings["train_mode"]].title
                assert row.label == title + (" (pooled)" if row.label.endswith(")") else ""), name


def test_runs_are_evaluated_on_the_test_list_every_5000_steps_whatever_the_log_does():
    for common in ({}, {"log_every_steps": 10}):
        for protocol in ("released", "clean"):
            cells = cells_of(request_of(protocol=protocol, seeds=(0,), common=common))
            assert {cell.config.eval_every_steps for cell in cells} == {5000}
            assert {cell.config.eval_split for cell in cells} == {"test"}


def test_each_protocol_takes_its_own_checkpoint():
    assert (PROTOCOLS["released"].folder, PROTOCOLS["clean"].folder) == ("test-best", "test")
    assert PROTOCOLS["released"].checkpoint == "best on the test list"
    assert PROTOCOLS["clean"].checkpoint == "last"
    written = {checkpoint: out.format("test") for checkpoint, out in FINAL_EVALUATIONS}
    assert written == {"best": "test-best", "last": "test"}

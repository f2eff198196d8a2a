import pytest

from reproduction import render
from tests.reproduction.helpers import request_of
from tests.reproduction.test_collect import entry


def test_cells_of_text():
    assert render.cell_text(entry({0: 0.8944, 1: 0.8964})) == "89.54 ± 0.14 (2)"
    assert render.cell_text(entry({0: 0.8944})) == "89.44 (1)"
    assert render.cell_text(entry({})) == ""


def test_a_number_of_zero_has_no_minus():
    assert render.percent(-1e-7, signed=True) == "+0.00" and render.percent(-1e-7) == "0.00"
    assert render.percent(-0.0123, signed=True) == "-1.23" and render.percent(None) == ""


@pytest.mark.parametrize(
    "words", ["protocol clean", "NOT COMPARABLE: TINY BUDGET", "--train_iters 5", "MobileNet"]
)
def test_every_table_names_protocol_budget_and_flags(words):
    request = request_of(budget="tiny", protocol="clean", common={"train_iters": 5})
    assert words in render.heading(request, {})
    assert words not in render.heading(request_of(), {})


def test_the_heading_gives_the_long_tail_that_was_measured():
    text = render.heading(request_of(table="imbalance"), {"cars": "4", "dogs": "19.5"})
    assert "images of the largest over the smallest class in training: cars 4, dogs 19.5" in text
    assert "20" not in text
    assert "smallest class" not in render.heading(request_of(), {})


def test_what_to_expect_stands_only_above_the_papers_recipe():
    def text_of(request):
        return render.to_markdown(render.Table(request, render.heading(request, {}), []))

    assert "Expected: " in text_of(request_of())
    changed = text_of(request_of(common={"train_iters": 500}))
    assert "Expected: " not in changed and "unlike the paper's recipe" in changed

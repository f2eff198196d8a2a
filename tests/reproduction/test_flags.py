import pytest

from reproduction import flags as reproduce_flags
from utils.errors import UserError


def message_of(call, argv):
    with pytest.raises(UserError) as caught:
        call(argv)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_and_flags_for_every_run():
    request, options = reproduce_flags.parse([])
    assert (request.table, request.protocol, request.budget) == ("resnet50", "released", "paper")
    assert len(request.datasets) == 5 and request.seeds == (0, 1, 2) and request.common == {}
    assert options.gpus == ["0"]
    assert reproduce_flags.parse(["--gpus", "0,2"])[1].gpus == ["0", "2"]
    words = "--budget tiny --datasets custom -- --dataset_path x".split()
    request, _ = reproduce_flags.parse(words)
    assert request.seeds == (0,) and request.common == {"dataset_path": "x"}


def test_what_is_named_twice_is_run_once():
    request, _ = reproduce_flags.parse("--seeds 1 1 0 --datasets cars cars --modes hard".split())
    assert (request.seeds, request.datasets, request.modes) == ((1, 0), ("cars",), ("hard",))


def test_help_names_the_exit_codes():
    text = " ".join(reproduce_flags.parser().format_help().split())
    for words in ("0 if every possible", "1 if a cell failed", "2 if no cell", "128 + n"):
        assert words in text


@pytest.mark.parametrize(
    "argv, word",
    [
        (["--table", "resnet"], "--table"),
        (["--datasets", "horses"], "horses"),
        (["--modes", "hardest"], "hardest"),
        (["--seeds", "one"], "--seeds"),
        (["--gpus", ""], "--gpus"),
        (["--gpus", "0,one"], "'one' is not a device's number"),
        (["--protocoll", "clean"], "did you mean --protocol"),
        (["--", "--margn", "1"], "did you mean --margin"),
        (["--", "--seed", "1"], "use --seeds"),
        (["--", "--gpu", "1"], "use --gpus"),
        (["--", "--on_exist", "overwrite"], "can't be given after --"),
        (["--", "--log_filename", "x"], "can't be given after --"),
        (["--", "--check"], "--dry_run"),
    ],
)
def test_wrong_flags_get_one_sentence(argv, word):
    assert word in message_of(reproduce_flags.parse, argv)


def test_compare_takes_two_runs(tmp_path):
    (tmp_path / "a").mkdir()
    found = reproduce_flags.parse_compare([str(tmp_path / "a"), str(tmp_path)])
    assert found == [str(tmp_path / "a"), str(tmp_path)]
    message_of(reproduce_flags.parse_compare, ["one"])

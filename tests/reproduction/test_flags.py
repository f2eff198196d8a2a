import pytest

from reproduction import flags as reproduce_flags
from utils.errors import UserError


def message_of(call, argv):
    with pytest.raises(UserError) as caught:
        call(argv)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_and_flags_for_every_run():
    flags, common = reproduce_flags.parse([])
    assert (flags.table, flags.protocol, flags.budget) == ("resnet50", "released", "paper")
    assert len(flags.datasets) == 5 and flags.seeds == [0, 1, 2] and common == {}
    assert flags.gpus == ["0"] and reproduce_flags.parse(["--gpus", "0,2"])[0].gpus == ["0", "2"]
    flags, common = reproduce_flags.parse(
        "--budget tiny --datasets custom -- --dataset_path x".split()
    )
    assert flags.seeds == [0] and common == {"dataset_path": "x"}


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
    ],
)
def test_wrong_flags_get_one_sentence(argv, word):
    assert word in message_of(reproduce_flags.parse, argv)


def test_compare_takes_two_runs(tmp_path):
    (tmp_path / "a").mkdir()
    found = reproduce_flags.parse_compare([str(tmp_path / "a"), str(tmp_path)])
    assert found == [str(tmp_path / "a"), str(tmp_path)]
    message_of(reproduce_flags.parse_compare, ["one"])

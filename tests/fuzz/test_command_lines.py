"""Command lines of odd words: an answer, --help, or one sentence."""

import contextlib
import io
import random

import pytest

from config import cli
from datasets_lists import flags as lists_flags
from evaluation import flags as eval_flags
from inference import export_flags
from inference import flags as predict_flags
from pretrained import flags as pretrained_flags
from reproduction import flags as reproduce_flags
from tests.fuzz.mutate import every_count, one_sentence

WORDS = (
    "", "-", "--", "-1", "0", "1", "3.5", "1e400", "nan", "inf", "-inf", "4294967296", "1" * 5000,
    "true", "none", "soft", "hard", "cntr", "vanilla", "digits", "custom", "cars", "mobile",
    "vgg16", "test", "pk", "batch", "a b", "a\nb", "\x00", "é", "\udcff", "../x", "/", "~",
    "~nobody/x", "$(x)", "%s", "{0}", "x" * 5000, "--help", "--x", "--net=mobile", "--margin=",
    "=", "٣", "index", "enrol", "make", "check", "all", "list", "inspect", "--seed", "--out",
)  # fmt: skip
# Name -> the command, its parser, and the function that reads it.
PROGRAMS = {
    "main": ((), cli.main_parser, cli.parse),
    "eval": ((), eval_flags.parser, eval_flags.parse),
    "predict": ((), predict_flags.predict_parser, predict_flags.parse),
    "index": (("index",), predict_flags.index_parser, predict_flags.parse),
    "enrol": (("enrol",), predict_flags.enrol_parser, predict_flags.parse),
    "export": ((), export_flags.parser, export_flags.parse),
    "pretrained": ((), pretrained_flags.parser, pretrained_flags.parse),
    "reproduce": ((), reproduce_flags.parser, reproduce_flags.parse),
}
for command in ("make", "check", "download"):
    PROGRAMS[command] = (command,), lists_flags._PARSERS[command], lists_flags.parse


@pytest.mark.promise(
    "odd command lines", "an answer, --help, or one sentence", "300; 10,000 with -m slow"
)
@every_count
def test_odd_command_lines(count):
    known = {name: sorted(parser()._option_string_actions)
             for name, (_, parser, _) in PROGRAMS.items()}  # fmt: skip
    for seed in range(count):
        dice = random.Random(seed)
        name = dice.choice(sorted(PROGRAMS))
        start, _, parse = PROGRAMS[name]
        argv = list(start)
        for _ in range(dice.randint(1, 5)):
            argv.append(dice.choice(known[name]))
            argv += [dice.choice(WORDS) for _ in range(dice.choice((0, 1, 1, 2)))]
        with contextlib.redirect_stdout(io.StringIO()), one_sentence((name, argv)):
            try:
                parse(argv)
            except SystemExit as stop:
                assert stop.code == 0, argv  # --help


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_is_no_error(name, capsys):
    start, _, parse = PROGRAMS[name]
    with pytest.raises(SystemExit) as stop:
        parse([*start, "--help"])
    assert stop.value.code == 0 and capsys.readouterr().out

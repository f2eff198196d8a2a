"""Command lines of odd words: a Config, --help, or one sentence."""

import contextlib
import io

import numpy as np
import pytest

from config import cli
from evaluation import flags
from utils.errors import UserError

WORDS = (
    "", "-", "--", "-1", "0", "1", "3.5", "1e400", "nan", "inf", "-inf", "4294967296", "1" * 400,
    "true", "none", "soft", "hard", "cntr", "vanilla", "digits", "custom", "cars", "mobile",
    "vgg16", "test", "pk", "batch", "a b", "a\nb", "\x00", "é", "\udcff", "../x", "/", "~",
    "~nobody/x", "$(x)", "%s", "{0}", "x" * 5000, "--help", "--x", "--net=mobile", "--margin=",
    "=", "٣",
)  # fmt: skip
PARSERS = {"main": (cli.main_parser, cli.parse), "eval": (flags.parser, flags.parse)}


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("seed", range(3))
def test_odd_command_lines(name, seed):
    rng = np.random.RandomState(seed)
    parser, parse = PARSERS[name]
    words = sorted(parser()._option_string_actions)
    for _ in range(100):
        argv = []
        for _ in range(rng.randint(1, 6)):
            argv.append(words[rng.randint(len(words))])
            argv += [WORDS[rng.randint(len(WORDS))] for _ in range(rng.randint(3) % 2 or 1)]
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                parse(argv)
            except UserError as error:
                assert len(str(error).splitlines()) == 1, argv
            except SystemExit as stop:
                assert stop.code == 0, argv  # --help

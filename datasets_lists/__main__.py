"""Makes, checks and downloads data sets: python -m datasets_lists make|check|download --help."""

import sys

from datasets_lists import flags
from utils.errors import run_script


def main(argv):
    """Reads the words of the command and does it; leaves with 1 where a check found something."""
    command, given = flags.parse(argv)
    # The work is imported only now: --help and wrong flags are answered at once.
    from datasets_lists import commands

    sys.exit(0 if commands.run(command, given, print) else 1)


if __name__ == "__main__":
    run_script("datasets_lists", lambda: main(sys.argv[1:]))

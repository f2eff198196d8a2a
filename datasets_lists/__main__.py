"""Makes, checks and downloads data sets: python -m datasets_lists make|check|download --help."""

import sys

from datasets_lists import flags
from utils.errors import run_script


def main(argv):
    """Runs a command; exits with 0 if all is well, 1 if there is a problem, 2 after an error.

    Args:
      argv: list of str, the command and its flags.
    """
    run_script("datasets_lists", lambda: _run(argv))


def _run(argv):
    command, given = flags.parse(argv)
    # The commands are imported late so that --help and flag errors are instant.
    from datasets_lists import commands

    sys.exit(0 if commands.run(command, given, print) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])

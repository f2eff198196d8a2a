"""The dataset doctor: python -m datasets_lists.check --help."""

import sys

from datasets_lists import flags
from utils.errors import run_script


def main():
    """Reads the flags and checks; leaves with 1 where something is found."""
    given = flags.parse(flags.check_parser(), sys.argv[1:])
    # The work is imported only now: --help and wrong flags are answered at once.
    from datasets_lists import workshop

    clean = workshop.each(given, workshop.check, print)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    run_script("datasets_lists.check", main)

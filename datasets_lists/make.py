"""Writes the list files of a data set: python -m datasets_lists.make --help."""

import sys

from datasets_lists import flags
from utils.errors import run_script


def main():
    """Reads the flags and makes the lists; leaves with 1 where the check found something."""
    given = flags.parse(flags.make_parser(), sys.argv[1:])
    # The work is imported only now: --help and wrong flags are answered at once.
    from datasets_lists import workshop

    clean = workshop.each(given, workshop.make, print)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    run_script("datasets_lists.make", main)

"""Gets a data set from its official address: python -m datasets_lists.download --help."""

import sys

from datasets_lists import flags
from utils.errors import run_script


def main():
    """Reads the flags and downloads what is missing."""
    given = flags.parse(flags.download_parser(), sys.argv[1:])
    # The work is imported only now: --help and wrong flags are answered at once.
    from datasets_lists import fetching

    fetching.get(given.name, given.datasets_dir, print)


if __name__ == "__main__":
    run_script("datasets_lists.download", main)

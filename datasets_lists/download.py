"""Alias of python -m datasets_lists download, its earlier name."""

import sys

from datasets_lists.__main__ import main

if __name__ == "__main__":
    main(["download", *sys.argv[1:]])

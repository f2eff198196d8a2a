"""Alias of python -m datasets_lists check, its earlier name."""

import sys

from datasets_lists.__main__ import main

if __name__ == "__main__":
    main(["check", *sys.argv[1:]])

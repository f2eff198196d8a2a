"""Alias of python -m datasets_lists make, its earlier name."""

import sys

from datasets_lists.__main__ import main

if __name__ == "__main__":
    main(["make", *sys.argv[1:]])

"""python -m datasets_lists.make NAME, the earlier way to say python -m datasets_lists make NAME."""

import sys

from datasets_lists.__main__ import main
from utils.errors import run_script

if __name__ == "__main__":
    run_script("datasets_lists.make", lambda: main(["make", *sys.argv[1:]]))

"""Labels new photos and finds their nearest neighbours: python predict.py --help."""

import functools
import sys

from inference import flags
from utils.errors import run_script


def main():
    """Reads the flags and runs the command; exits with 1 if an image can't be read."""
    command, options = flags.parse(sys.argv[1:])
    # TensorFlow is imported late so that --help and flag errors are instant.
    from inference import commands

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    note = functools.partial(print, file=sys.stderr)
    broken = commands.COMMANDS[command](options, functools.partial(print, flush=True), note)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    run_script("predict.py", main)

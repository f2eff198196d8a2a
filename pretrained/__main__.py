"""Lists, fetches and inspects pretrained weights: python -m pretrained --help."""

import sys

from pretrained import flags
from utils.errors import run_script


def main():
    """Reads the command line, runs the command and prints the result."""
    request = flags.parse(sys.argv[1:])
    # TensorFlow is imported late so that --help and flag errors are instant.
    from pretrained import commands

    for line in commands.perform(request):
        print(line, flush=True)


if __name__ == "__main__":
    run_script("pretrained", main)

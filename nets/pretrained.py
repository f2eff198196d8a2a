"""Fetches, lists, inspects and converts pretrained weights: python -m nets.pretrained --help."""

import sys

from config import weights_cli
from utils.errors import run_script


def main():
    """Reads the words of the command, does it and prints what came of it."""
    request = weights_cli.parse(sys.argv[1:])
    # TensorFlow is imported only now: --help and wrong words are answered at once.
    from nets import weights_command

    for line in weights_command.perform(request):
        print(line, flush=True)


if __name__ == "__main__":
    run_script("nets.pretrained", main)

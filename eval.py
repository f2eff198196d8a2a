"""Evaluates a saved run: python eval.py --help."""

import os
import sys

from config import cli
from utils.errors import run_script


def main():
    """Reads the flags, evaluates both heads in one pass and prints what was written where."""
    flags = cli.parse_eval(sys.argv[1:])
    # TensorFlow is imported only now: --help and wrong flags are answered at once.
    from evaluation import evaluator
    from evaluation import files as eval_files
    from utils import logs

    logs.start_log()
    report = evaluator.evaluate_run(**flags)
    print(eval_files.as_table(report))
    print(os.path.join(flags["folder"], "eval", flags["split"]))


if __name__ == "__main__":
    run_script("eval.py", main)

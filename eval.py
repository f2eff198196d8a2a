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
    from evaluation.report import run
    from utils import logs

    logs.start_log()
    extras = flags.pop("extras")
    scores = evaluator.evaluate_run(**flags)
    print(eval_files.as_table(scores))
    folder, split = flags["folder"], flags["split"]
    for name in extras:
        print(run.WRITERS[name](folder, split, scores, flags["overrides"]))
    print(os.path.join(folder, "eval", split))


if __name__ == "__main__":
    run_script("eval.py", main)

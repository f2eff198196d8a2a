"""Evaluates a saved run: python eval.py --help."""

import os
import sys

from evaluation import flags
from utils.errors import run_script


def main():
    """Reads the flags, evaluates both heads in one pass, prints the scores and the folder."""
    given = flags.parse(sys.argv[1:])
    # TensorFlow is imported late so that --help and flag errors are instant.
    from evaluation import evaluator
    from evaluation import files as eval_files
    from evaluation.report import run
    from utils import logs

    logs.start_log()
    extras = given.pop("extras")
    scores = evaluator.evaluate_run(**given)
    print(eval_files.as_table(scores))
    folder, split = given["folder"], given["split"]
    for name in extras:
        print(run.WRITERS[name](folder, split, scores, given["overrides"]))
    print(os.path.join(folder, "eval", split))


if __name__ == "__main__":
    run_script("eval.py", main)

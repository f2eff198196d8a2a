"""Trains the two-head network and evaluates it: python main.py --help."""

import sys

from config import cli
from utils.errors import run_script


def main():
    """Reads the flags, trains, evaluates on the test split and prints the run folder last."""
    config, only_check = cli.parse(sys.argv[1:])
    # TensorFlow is imported only now: --help and wrong flags are answered at once.
    from evaluation import evaluator
    from evaluation import files as eval_files
    from training import dry_run, trainer

    if only_check:
        print("\n".join(dry_run.check(config)))
        return
    trainer.train(config)
    for which, out in evaluator.FINAL_EVALUATIONS:
        report = evaluator.evaluate_run(
            config.run_dir, config.eval_split, which, out=out.format(config.eval_split)
        )
        print(eval_files.as_table(report))
    print(f"pictures: curves.png and eval/{config.eval_split}/*.png in")
    print(config.run_dir)


if __name__ == "__main__":
    run_script("main.py", main)

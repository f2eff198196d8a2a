"""The paper's tables in one command: python reproduce.py --help."""

import os
import sys

from reproduction import flags as reproduce_flags
from utils.errors import run_script


def main():
    """Plans the cells, runs those that are to do, and writes the tables."""
    if sys.argv[1:2] == ["compare"]:
        first, second = reproduce_flags.parse_compare(sys.argv[2:])
        from reproduction.compare import compare

        print("\n".join(compare(first, second)))
        return
    flags, common = reproduce_flags.parse(sys.argv[1:])
    # TensorFlow is imported only now: --help and wrong flags are answered at once.
    from reproduction import cells, render, runner, state

    if flags.budget == "tiny":
        from reproduction import tiny

        common["datasets_dir"] = tiny.prepare(flags.datasets, common)
    order = cells.Order(
        flags.table,
        tuple(flags.datasets),
        flags.modes and tuple(flags.modes),
        tuple(flags.seeds),
        flags.protocol,
        flags.budget,
        common,
    )
    planned = cells.cells_of(order)
    print("\n".join(state.plan_lines(planned, state.states_of(planned))))
    if flags.dry_run:
        return
    if flags.emit:
        path = os.path.join(flags.tables_dir, order.name)
        print("\n".join(runner.emit(planned, flags.emit, path)))
        return
    failed = runner.Runner(flags.gpus, say=print).run_all(planned)
    print("\n".join(render.write_all(order, planned, failed, flags.tables_dir)))


if __name__ == "__main__":
    run_script("reproduce.py", main)

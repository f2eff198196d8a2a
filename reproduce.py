"""The paper's tables in one command: python reproduce.py --help."""

import os
import sys

from reproduction import flags
from utils.errors import run_script


def main():
    """Plans the cells, runs the unfinished ones, and writes the tables."""
    if sys.argv[1:2] == ["compare"]:
        first, second = flags.parse_compare(sys.argv[2:])
        from reproduction.compare import compare

        print("\n".join(compare(first, second)))
        return
    request, options = flags.parse(sys.argv[1:])
    # TensorFlow is imported late so that --help and flag errors are instant.
    from reproduction import cells, emit, plan, runner, state, tiny, write

    if request.budget == "tiny":
        request = tiny.with_synthetic_datasets(request)
    planned = cells.cells_of(request)
    states = state.states_of(planned)
    todo = state.cells_to_do(planned, states)
    print("\n".join(plan.plan_lines(planned, states)), flush=True)
    code = state.exit_code(states)
    if options.dry_run or code == 2:  # nothing is possible
        sys.exit(code)
    if options.emit:
        path = os.path.join(options.tables_dir, request.name)
        print("\n".join(emit.emit(todo, options.emit, path)))
    else:
        failures = runner.Runner(options.gpus, print).run_all(todo)
        states = state.states_of(planned, failures)
        print("\n".join(write.write_all(request, planned, states, options.tables_dir)))
    sys.exit(state.exit_code(states))


if __name__ == "__main__":
    run_script("reproduce.py", main)

"""The plan before the runs: what is done, what is left and how long it will take."""

import collections
import statistics

from reproduction.state import DONE, KINDS, MISSING, OPEN, PARTLY


def plan_lines(cells, states):
    """One line per cell, then the counts and the remaining time.

    Args:
      cells: list of reproduction.cells.Cell.
      states: list of reproduction.state.State.

    Returns:
      list of str.
    """
    lines = [_line(c, s) for c, s in zip(cells, states) if s.kind != MISSING]
    reasons = collections.Counter(state.reason for state in states if state.kind == MISSING)
    lines += [
        f"{MISSING:12} {count} cell{'s' if count > 1 else ''}: {text}"
        for text, count in reasons.items()
    ]
    counts = collections.Counter(state.kind for state in states)
    lines.append(", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind]))
    return lines + _time_lines(cells, states)


def _line(cell, state):
    line = f"{state.kind:12} {cell.name}: "
    if state.kind in (DONE, PARTLY, OPEN):
        line += f"{state.steps} of {cell.config.train_iters} steps"
        return f"{line}, {state.reason}" if state.reason else line
    return line + state.reason


def _time_lines(cells, states):
    """The remaining time at each network's measured speed, if anything remains."""
    measured = collections.defaultdict(list)
    for cell, state in zip(cells, states):
        if state.step_seconds is not None:
            measured[cell.config.net].append(state.step_seconds)
    seconds, unknown = 0.0, set()
    for cell, state in zip(cells, states):
        if state.kind not in (PARTLY, OPEN):
            continue
        if cell.config.net in measured:
            median = statistics.median(measured[cell.config.net])
            seconds += median * (cell.config.train_iters - state.steps)
        else:
            unknown.add(cell.config.net)
    lines = [f"time for {net}: unknown until a run has been measured" for net in sorted(unknown)]
    if seconds:
        lines.append(f"remaining training time: {seconds / 3600:.1f} h on one device")
    return lines

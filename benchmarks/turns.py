"""Timing in turns: drifts in machine speed affect everything that is compared."""

import statistics
import time
from typing import NamedTuple, Optional


class Row(NamedTuple):
    """One comparison.

    Attributes:
      what: str, what is divided by what.
      ratios: list of float, one a round.
      medians: str, what was measured, with its unit.
      least: float, promised of the median ratio; or None.
      most: float, likewise.
    """

    what: str
    ratios: list
    medians: str
    least: Optional[float] = None
    most: Optional[float] = None

    @property
    def promise(self):
        """str, the promise; "" for none."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return "" if self.most is None else f"at most {self.most:g}"

    @property
    def held(self):
        """str, whether the median ratio keeps the promise; "" without one."""
        ratio = statistics.median(self.ratios)
        if not self.promise:
            return ""
        kept = ratio >= self.least if self.least is not None else ratio <= self.most
        return "yes" if kept else "no"

    @property
    def cells(self):
        """Tuple of str: comparison, median ratio, range, promise, held, medians."""
        spread = f"{min(self.ratios):.3f} - {max(self.ratios):.3f}"
        ratio = f"{statistics.median(self.ratios):.3f}"
        return self.what, ratio, spread, self.promise, self.held, self.medians


def timed(function, *args):
    """A function without arguments that calls `function` and returns the seconds it took."""

    def task():
        start = time.perf_counter()
        function(*args)
        return time.perf_counter() - start

    return task


def take_turns(tasks, rounds, warm_up=1):
    """Runs tasks in turn, round by round.

    Args:
      tasks: dict from name to a function that does the work and returns its seconds.
      rounds: int, R.
      warm_up: int, rounds before that are not counted.

    Returns:
      dict from name to list of float [R], seconds.
    """
    seconds = {name: [] for name in tasks}
    for _ in range(warm_up + rounds):
        for name, task in tasks.items():
            seconds[name].append(task())
    return {name: values[warm_up:] for name, values in seconds.items()}


def compare(seconds, name, base, where="", least=None, most=None):
    """The row of one task divided by another.

    Args:
      seconds: dict from task to list of float, see `take_turns`.
      name: str, the numerator.
      base: str, the denominator.
      where: str, what holds for both, such as the network.
      least: float, promised of the median ratio; or None.
      most: float, likewise.

    Returns:
      Row.
    """
    ratios = [a / b for a, b in zip(seconds[name], seconds[base])]
    medians = " and ".join(f"{statistics.median(seconds[n]):.4g} s" for n in (name, base))
    what = f"{where}: {name} / {base}" if where else f"{name} / {base}"
    return Row(what, ratios, medians, least, most)


def lines_of(rows):
    """A line of text for each row."""
    for row in rows:
        what, ratio, spread, promise, held, medians = row.cells
        promised = f"; promised {promise}, held: {held}" if promise else ""
        yield f"{what} {ratio} ({spread}), {medians}{promised}"

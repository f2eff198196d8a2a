"""Compares two runs: settings, versions, data and scores."""

import os

from config import stored
from config.resolve import settings_of
from evaluation import files as eval_files


def compare(first, second):
    """Compares two run folders.

    Args:
      first: str.
      second: str.

    Returns:
      list of str, the lines to print.

    Raises:
      UserError: one of them is not a run folder, or is damaged.
    """
    configs, records = zip(*(stored.read(folder) for folder in (first, second)))
    lines = [f"A: {first}", f"B: {second}", ""]
    lines += _section("settings", *map(settings_of, configs))
    lines += _section("versions", *(r.get("provenance", {}) for r in records))
    data = [{n: r.get(n) for n in ("class_map", "image_counts", "lists")} for r in records]
    lines += _section("data", *data)
    for name in _evaluations(first, second):
        reports = [eval_files.read_report(os.path.join(f, "eval", name)) for f in (first, second)]
        lines += _scores(name, *reports)
    return lines


def _section(title, first, second):
    names = [n for n in sorted(set(first) | set(second)) if first.get(n) != second.get(n)]
    if not names:
        return [f"{title}: the same", ""]
    return [f"{title}:"] + [f"  {n}: {first.get(n)} | {second.get(n)}" for n in names] + [""]


def _evaluations(first, second):
    """Names of the evaluations in both runs."""
    found = []
    for folder in (first, second):
        path = os.path.join(folder, "eval")
        found.append(set(os.listdir(path)) if os.path.isdir(path) else set())
    return sorted(found[0] & found[1])


def _scores(name, first, second):
    if first is None or second is None:
        return []
    lines = [f"eval/{name} (A, B, B - A):"]
    others = _by_metric(second)
    for metric, value in _by_metric(first).items():
        other = others.get(metric)
        if isinstance(value, float) and isinstance(other, float):
            lines.append(f"  {metric:<24} {value:.4f} {other:.4f} {other - value:+.4f}")
    return lines + [""]


def _by_metric(report):
    """A report's entries, with those of its spaces under names such as pooled/recall@1."""
    spaces = report.get("spaces", {}).items()
    return {**report, **{f"{space}/{n}": v for space, scores in spaces for n, v in scores.items()}}

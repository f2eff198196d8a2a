"""Reads the evaluations of a run and checks that they are the ones a table needs."""

import os

from evaluation import files as eval_files
from reproduction.protocols import PROTOCOLS
from reproduction.tables import MORE_METRICS, TABLES
from utils.checkpoints import BEST
from utils.errors import UserError

_KINDS = {"split": str, "embedding": str, "checkpoint": str, "class_map": str,
          "num_images": int, "step": int}  # fmt: skip


def protocols_of(config):
    """Dict from name to Protocol, those that the final evaluations of a run serve."""
    split = config.final_split or "test"
    return {name: p for name, p in PROTOCOLS.items() if p.final_split == split}


def read(config):
    """Reads the evaluations that the protocols need.

    Args:
      config: Config of the run.

    Returns:
      dict from protocol to report, for existing evaluations.

    Raises:
      UserError: one of them is damaged.
    """
    found = {}
    protocols = protocols_of(config)
    for name in sorted({protocol.folder for protocol in protocols.values()}):
        folder = os.path.join(config.run_dir, "eval", name)
        report = eval_files.read_report(folder)
        if report is not None:
            _check(report, os.path.join(folder, "metrics.json"))
            found[name] = report
    return {
        name: found[protocol.folder]
        for name, protocol in protocols.items()
        if protocol.folder in found
    }


def _check(report, path):
    """Refuses a report whose entries have the wrong type."""
    wrong = [name for name, kind in _KINDS.items() if not isinstance(report.get(name), kind)]
    spaces = report.get("spaces", {})
    if isinstance(spaces, dict) and all(isinstance(scores, dict) for scores in spaces.values()):
        metrics = set().union(*(t.metrics for t in TABLES.values()), *MORE_METRICS.values())
        for scores in (report, *spaces.values()):
            wrong += [name for name in sorted(metrics) if not _is_score(scores.get(name))]
    else:
        wrong.append("spaces")
    if wrong:
        value = repr(report.get(wrong[0]))[:60]
        raise UserError(
            f"{path} is damaged: {wrong[0]} can't be {value}; delete it and evaluate again"
        )


def _is_score(value):
    return value is None or (isinstance(value, (int, float)) and 0 <= value <= 1)


def first_misfit(reports, config, image_counts, class_map):
    """Why the evaluations of a run are not the ones that a table needs.

    Args:
      reports: dict from protocol to report.
      config: Config of the cell.
      image_counts: dict from split to int, as far as known.
      class_map: str, digest of the classes, or None if unknown.

    Returns:
      str, empty if all of them exist and match.
    """
    own_space = ("pooled",) if config.emb_dim is None else ("head", "embedding")
    for name, protocol in protocols_of(config).items():
        report = reports.get(name)
        if report is None:
            return f"there is no eval/{protocol.folder}"
        is_best = os.path.dirname(report["checkpoint"]) == BEST
        num_images = image_counts.get(protocol.final_split)
        wrong = {
            "split": report["split"] != protocol.final_split,
            "embedding": report["embedding"] not in own_space,
            "num_images": num_images is not None and report["num_images"] != num_images,
            "class_map": class_map is not None and report["class_map"] != class_map,
            "checkpoint": is_best != (protocol.folder.endswith(BEST)),
            "step": not is_best and report["step"] != config.train_iters,
        }
        for entry, is_wrong in wrong.items():
            if is_wrong:
                return f"eval/{protocol.folder} has {entry} {report[entry]}"
    return ""


def score(report, metric):
    """A score of a report.

    Args:
      report: dict.
      metric: str, such as recall@1, or pooled/recall@1 for one space.

    Returns:
      float, a fraction of 1; None if the report does not have it.
    """
    space, _, name = metric.rpartition("/")
    scores = report.get("spaces", {}).get(space, {}) if space else report
    return scores.get(name)


def spaces_of(reports):
    """List of all spaces in some reports, in order."""
    return list(dict.fromkeys(space for report in reports for space in report.get("spaces", {})))

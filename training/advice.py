"""Gives advice during training: asks the detectors, writes the log and advice.json."""

import collections
import time
from dataclasses import dataclass, field
from typing import Optional, Tuple

import numpy as np

from config.networks import NETWORKS
from evaluation import metrics
from nets.heads import SCOPE as EMBEDDING_SCOPE
from training.build import draws_per_step
from training.detectors import DETECTORS
from training.hooks import Hook
from utils import advice_file, logs
from utils.errors import UserError
from utils.tf1 import tf

# The input is timed once in a run's process, against the median of so many steps before.
TIMED_STEPS = 20
TIMED_BATCHES = 4
# What tf.train.MomentumOptimizer appends to the name of a variable that it updates.
MOMENTUM_SLOT = "Momentum"


@dataclass
class Seen:
    """What a run has shown so far.

    Attributes:
      config: Config.
      train_labels: int [N], of the training list.
      eval_labels: int [M], of the evaluation list.
      untrained: tuple of str, the heads without a gradient.
      not_restored: (int, int), variables of the backbone without a value from the start weights,
        and all of them; None without start weights.
      start: dict from term to float, the run's first log line; None before it.
      lines: deque of (step, dict from term to float), the newest log lines.
      predicted: list of int, how many classes each evaluation predicted.
      accuracies: float, float: of one batch after the last step, with its own statistics and with
        the moving averages; None before that.
      seconds: float, float: for the input of a step alone, and for the whole step; None before
        they are measured.
    """

    config: object
    train_labels: np.ndarray
    eval_labels: np.ndarray
    untrained: Tuple[str, ...] = ()
    not_restored: Optional[Tuple[int, int]] = None
    start: Optional[dict] = None
    lines: collections.deque = field(default_factory=lambda: collections.deque(maxlen=1000))
    predicted: list = field(default_factory=list)
    accuracies: Optional[Tuple[float, float]] = None
    seconds: Optional[Tuple[float, float]] = None

    def newest(self, count):
        """The terms of the newest `count` log lines, list of dict; empty if there are fewer."""
        return [terms for _, terms in list(self.lines)[-count:]] if len(self.lines) >= count else []


def seen_at_start(config, train_labels, eval_labels, report):
    """What is known before the first step, from the training graph too.

    Args:
      config: Config.
      train_labels: int [N].
      eval_labels: int [M].
      report: pretrained.weights.RestoreReport of the start weights, or None.

    Returns:
      Seen.
    """
    heads = NETWORKS[config.net].head_scopes
    not_restored = None
    if report is not None:
        apart = tuple(f"{scope}/" for scope in (*heads, EMBEDDING_SCOPE))
        missing = [n for n in report.new + report.different_shape if not n.startswith(apart)]
        not_restored = len(missing), len(missing) + len(report.restored)
    trained = heads[:1] if config.emb_dim is None else (*heads[:1], EMBEDDING_SCOPE)
    untrained = tuple(scope for scope in trained if not _has_gradient(scope))
    return Seen(config, train_labels, eval_labels, untrained, not_restored)


def _has_gradient(scope):
    """bool, whether the optimiser keeps a momentum for a variable of the scope."""
    names = (v.op.name for v in tf.global_variables())
    return any(n.startswith(f"{scope}/") and n.endswith(f"/{MOMENTUM_SLOT}") for n in names)


class Advice(Hook):
    """Asks the detectors of `training.detectors`; each speaks once in a run.

    With --strict the first advice ends the run, once its state has been saved.
    """

    def __init__(self, seen, log, evaluation, eval_graph, saver):
        """Takes the Seen, Log, Evaluation, EvalGraph and RunSaver of the run."""
        self._seen, self._log, self._evaluation = seen, log, evaluation
        self._eval_graph, self._saver = eval_graph, saver
        self._given = set()
        self._step_seconds, self._left = [], None

    def begin(self, loop):
        """Reads what the run has shown before, and asks about the settings and the lists."""
        folder = loop.config.run_dir
        is_chief = loop.graph.replicas.is_chief
        given = advice_file.read_or_move_away(folder) if is_chief else []
        if not loop.config.strict:  # which asks anew, since the cause may be mended
            self._given = {entry["name"] for entry in given}
        rows = [row for row in logs.read_metrics(folder) if row["split"] == "train"]
        if rows and rows[0].get("loss"):
            self._seen.start = {"loss": float(rows[0]["loss"])}
        self._ask(loop, "begin")
        self._left = time.perf_counter()

    def after_step(self, loop, terms):
        """Asks after each log line, after each evaluation and after the last step."""
        del terms
        self._step_seconds.append(self._log.arrived - self._left)
        if self._log.mean is not None:
            self._seen.start = self._seen.start or self._log.mean
            self._seen.lines.append((loop.done, self._log.mean))
            self._ask(loop, "line")
        if self._evaluation.num_predicted is not None:
            self._seen.predicted.append(self._evaluation.num_predicted)
            self._ask(loop, "evaluation")
        is_alone = loop.graph.replicas.count == 1
        if len(self._step_seconds) == TIMED_STEPS and is_alone and not loop.is_last:
            self._time_input(loop)
        if loop.is_last and loop.signal_number is None:
            self._compare_statistics(loop)
        self._left = time.perf_counter()

    def _ask(self, loop, moment):
        for name, detector in DETECTORS.items():
            if detector.moment == moment and name not in self._given:
                finding = detector.function(self._seen)
                if finding is not None:
                    self._give(loop, name, finding)

    def _give(self, loop, name, finding):
        """Writes an advice to the log and to advice.json; ends a strict run."""
        self._given.add(name)
        if loop.graph.replicas.is_chief:
            advice_file.add(loop.config.run_dir, name, loop.done, *finding)
        if not loop.config.strict:
            logs.LOGGER.warning(finding.sentence)
            return
        kept = ""
        if loop.done:
            loop.save(self._saver.save)
            kept = f" after step {loop.done}, which is saved"
        raise UserError(f"{finding.sentence} (--strict true ends the run{kept})")

    def _time_input(self, loop):
        """Times the input alone; the batches taken are given again to the steps to come."""
        images, seconds = loop.graph.load or loop.graph.images.op, []
        loop.rewind()  # empties what the input read ahead
        try:
            for _ in range(1 + TIMED_BATCHES):
                start = time.perf_counter()
                loop.session.run(images)
                seconds.append(time.perf_counter() - start)
        except tf.errors.OpError:
            return  # the step that needs the image will name it
        finally:
            loop.rewind()
        # The first waited for the input to start.
        of_input = np.mean(seconds[1:]) * draws_per_step(loop.config)
        self._seen.seconds = float(of_input), float(np.median(self._step_seconds))
        self._ask(loop, "input")

    def _compare_statistics(self, loop):
        """Scores one batch with its own statistics and with the moving averages."""
        graph = loop.graph
        fetches = [graph.images, graph.labels, graph.logits]
        images, labels, own = loop.session.run(fetches, {graph.part: 0})
        feed = {self._eval_graph.images: images}
        in_evaluation = loop.session.run(self._eval_graph.own_logits, feed)
        accuracies = [metrics.accuracy(logits, labels) for logits in (own, in_evaluation)]
        text = "the same batch: accuracy %.3f with its own batch statistics, %.3f in evaluation"
        logs.LOGGER.info(text, *accuracies)
        self._seen.accuracies = tuple(accuracies)
        self._ask(loop, "end")

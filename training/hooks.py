"""Hooks for log lines, evaluations and checkpoints during training.

The loop, `training.loop.TrainingLoop`, calls its hooks in list order. Each hook reads the loop and
keeps its own state between steps.
"""

import time

import numpy as np

from evaluation import network, scoring
from utils import logs

# What chooses the best checkpoint: on a list of known classes, and on one of unseen classes, where
# it is that of the run's own space, the embedding head's or, for softmax alone, the pooled one.
SCORE, UNSEEN_SCORE = "accuracy", "map@r"


class Hook:
    """A hook that does nothing; subclasses override the methods that they need."""

    def begin(self, loop):
        """Called once before the first step, after the run's state has been restored."""

    def after_step(self, loop, terms):
        """Called after each step.

        Args:
          loop: training.loop.TrainingLoop.
          terms: dict from term to float, of this step.
        """

    def end(self, loop):
        """Called once at the end, even if the run did not reach its last step."""


class Log(Hook):
    """Writes interval means to the log, metrics.csv and TensorBoard, and shows progress.

    Attributes:
      mean: dict from term to float, as logged after the last step; None if no line was due.
      arrived: float, when the last step was done, by `time.perf_counter`.
    """

    def __init__(self, table):
        """Takes the run's utils.logs.MetricsLog."""
        self.mean, self.arrived = None, None
        self._table, self._bar = table, None
        self._steps, self._since = 0, 0.0

    def begin(self, loop):
        """Opens the progress bar and starts the clock."""
        self._bar = logs.progress_bar(loop.config.train_iters, loop.done)
        self._since = time.time()

    def after_step(self, loop, terms):
        """Logs the mean of the steps since the last line."""
        self.arrived = time.perf_counter()
        self._bar.update()
        self._steps += 1
        loop.interval += [*terms.values(), 1]  # one by one, so that a resumed run rounds the same
        self.mean, config = None, loop.config
        if not loop.is_due(config.log_every_steps) and loop.done != 1:
            return
        mean = self.mean = dict(zip(terms, (loop.interval[:-1] / loop.interval[-1]).tolist()))
        images = self._steps * config.batch_size * config.accumulate_batches
        mean["images_per_second"] = images / (time.time() - self._since)
        mean["learning_rate"] = float(loop.session.run(loop.graph.learning_rate))
        loop.interval[:], self._steps, self._since = 0, 0, time.time()
        self._table.write(loop.done, "train", mean)
        text = "  ".join(f"{name} {value:.4g}" for name, value in mean.items())
        logs.LOGGER.info("step %d/%d  %s", loop.done, config.train_iters, text)
        self._bar.set_postfix(
            loss=f"{mean['loss']:.3f}",
            accuracy=f"{mean['accuracy']:.3f}",
            images_s=f"{mean['images_per_second']:.0f}",
        )

    def end(self, loop):
        """Closes the progress bar."""
        if self._bar is not None:
            self._bar.close()


class Evaluation(Hook):
    """Scores the evaluation split and saves the checkpoint if it is the best so far.

    Attributes:
      num_predicted: int, how many classes were predicted after the last step; None if no
        evaluation was due, or one of unseen classes.
    """

    def __init__(self, graph, image_list, table, saver):
        """Takes the split's EvalGraph and ImageList, the MetricsLog and the RunSaver of the run."""
        self._graph, self._image_list = graph, image_list
        self._table, self._saver = table, saver
        self.num_predicted = None

    def begin(self, loop):
        """Makes up for an evaluation that a signal prevented."""
        config, wanted = loop.config, (str(loop.done), loop.config.eval_split)
        rows = logs.read_metrics(config.run_dir)
        is_done = any((row["step"], row["split"]) == wanted for row in rows)
        if loop.done > 0 and loop.is_due(config.eval_every_steps) and not is_done:
            self._evaluate(loop, save=True)

    def after_step(self, loop, terms):
        """Evaluates if due, unless a signal has come; then the next start does it."""
        del terms
        self.num_predicted = None
        if loop.is_due(loop.config.eval_every_steps) and loop.signal_number is None:
            self._evaluate(loop, save=False)

    def _evaluate(self, loop, save):
        """Scores the split; an evaluation interrupted by a signal is discarded."""
        loop.session.run(loop.graph.average_statistics)
        arrays = network.run_network(
            loop.session, self._graph, self._image_list, loop.look_for_signal
        )
        if arrays is None:
            return
        chooses = UNSEEN_SCORE if self._image_list.unseen else SCORE
        if not self._image_list.unseen:
            self.num_predicted = len(np.unique(np.argmax(arrays["logits"], axis=1)))
        scores = scoring.in_training(arrays, arrays["embeddings"])
        best, step = loop.session.run(loop.graph.best)
        # Compared in 32 bits, as the checkpoint stores them.
        if np.float32(scores[chooses]) > best:
            best, step = scores[chooses], loop.done
            loop.session.run(loop.graph.set_best, {loop.graph.new_best: [best, step]})
            loop.save(self._saver.save_best)
        if save:
            loop.save(self._saver.save)
        # The row comes last: once it exists, the checkpoint of its step has the best accuracy.
        self._table.write(loop.done, loop.config.eval_split, scores)
        logs.LOGGER.info(
            "step %d  %s list: %s %.4f  recall@1 %.4f  best %s %.4f at step %d",
            loop.done, loop.config.eval_split, chooses, scores[chooses], scores["recall@1"],
            chooses, best, step,
        )  # fmt: skip


class Checkpoints(Hook):
    """Saves the state on schedule, after the last step and after a signal."""

    def __init__(self, saver):
        """Takes the RunSaver of the run."""
        self._saver = saver

    def after_step(self, loop, terms):
        """Saves if due."""
        del terms
        if loop.is_due(loop.config.save_every_steps) or loop.signal_number is not None:
            loop.save(self._saver.save)


class Heartbeat(Hook):
    """Shows other machines that the run is alive, see `utils.lock`."""

    def __init__(self, touch):
        """Takes the function that the lock yields."""
        self._touch = touch

    def after_step(self, loop, terms):
        """Renews the lock."""
        del loop, terms
        self._touch()

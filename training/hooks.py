"""Hooks for log lines, evaluations, checkpoints and advice during training.

The loop, `training.loop.TrainingLoop`, calls its hooks in list order. Each hook reads the loop and
keeps its own state between steps.
"""

import time

import numpy as np

from evaluation import evaluator, metrics
from evaluation.watch import CollapseWatch, advice
from utils import logs

LARGE_GAP = 0.2


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
    """

    def __init__(self, table):
        """Takes the run's utils.logs.MetricsLog."""
        self.mean = None
        self._table, self._bar = table, None
        self._steps, self._since = 0, 0.0

    def begin(self, loop):
        """Opens the progress bar and starts the clock."""
        self._bar = logs.progress_bar(loop.config.train_iters, loop.done)
        self._since = time.time()

    def after_step(self, loop, terms):
        """Logs the mean of the steps since the last line."""
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
    """Scores the evaluation split and saves the checkpoint if it is the best so far."""

    def __init__(self, graph, image_list, table, saver):
        """Takes the split's EvalGraph and ImageList, the MetricsLog and the RunSaver of the run."""
        self._graph, self._image_list = graph, image_list
        self._table, self._saver = table, saver

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
        if loop.is_due(loop.config.eval_every_steps) and loop.stop.signal_number is None:
            self._evaluate(loop, save=False)

    def _evaluate(self, loop, save):
        """Scores the split; an evaluation interrupted by a signal is discarded."""
        arrays = evaluator.run_network(
            loop.session, self._graph, self._image_list, lambda: loop.stop.signal_number is not None
        )
        if arrays is None:
            return
        scores = evaluator.evaluate(arrays, arrays["embeddings"])
        accuracy, step = loop.session.run(loop.graph.best)
        # Compared in 32 bits, as the checkpoint stores them.
        if np.float32(scores["accuracy"]) > accuracy:
            accuracy, step = scores["accuracy"], loop.done
            loop.graph.best.load([accuracy, step], loop.session)
            loop.save(self._saver.save_best)
        if save:
            loop.save(self._saver.save)
        # The row comes last: once it exists, the checkpoint of its step has the best accuracy.
        self._table.write(loop.done, loop.config.eval_split, scores)
        logs.LOGGER.info(
            "step %d  %s list: accuracy %.4f  recall@1 %.4f  best accuracy %.4f at step %d",
            loop.done, loop.config.eval_split, scores["accuracy"], scores["recall@1"],
            accuracy, step,
        )  # fmt: skip


class Checkpoints(Hook):
    """Saves the state on schedule, after the last step and after a signal."""

    def __init__(self, saver):
        """Takes the RunSaver of the run."""
        self._saver = saver

    def after_step(self, loop, terms):
        """Saves if due."""
        del terms
        if loop.is_due(loop.config.save_every_steps) or loop.stop.signal_number is not None:
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


class Advice(Hook):
    """Warns once about each looming problem of a run, with a remedy."""

    def __init__(self, log, eval_graph):
        """Takes the run's Log and EvalGraph."""
        self._log, self._eval_graph = log, eval_graph
        self._collapse = CollapseWatch()

    def begin(self, loop):
        """Checks for moving averages that are too slow for the run."""
        if loop.done == 0:
            _warn_of_slow_statistics(loop.config)

    def after_step(self, loop, terms):
        """Checks each log line, and the statistics after the last step."""
        del terms
        if self._log.mean is not None and self._collapse.collapsed(self._log.mean):
            logs.LOGGER.warning(advice(loop.config.train_mode, loop.config.margin))
        if loop.is_last and loop.stop.signal_number is None:
            self._compare_statistics(loop)

    def _compare_statistics(self, loop):
        """Scores one batch with its own statistics and with the moving averages."""
        graph, config = loop.graph, loop.config
        images, labels, own = loop.session.run([graph.images, graph.labels, graph.logits])
        feed = {self._eval_graph.images: images}
        in_evaluation = loop.session.run(self._eval_graph.logits, feed)
        accuracies = [metrics.accuracy(logits, labels) for logits in (own, in_evaluation)]
        text = "the same batch: accuracy %.3f with its own batch statistics, %.3f in evaluation"
        logs.LOGGER.info(text, *accuracies)
        if config.bn_decay is not None and accuracies[0] - accuracies[1] > LARGE_GAP:
            logs.LOGGER.warning(
                "evaluation is much worse than training on the same images: the moving averages of"
                " batch normalisation have not caught up (github.com/tensorflow/models/issues/391);"
                " train longer, or choose a --bn_decay below %g, or --freeze_bn true with"
                " pretrained weights",
                config.bn_decay,
            )


def _warn_of_slow_statistics(config):
    """Slow moving averages make evaluation much worse than training in a short run."""
    decay, steps = config.bn_decay, config.train_iters
    if config.freeze_bn or decay is None or decay**steps < 0.05:
        return
    advised = max(0.5, 1 - 10 / steps)
    remedy = f"--bn_decay {advised:.2g} suits this length" if advised < decay else "train longer"
    logs.LOGGER.warning(
        "--bn_decay %g forgets too slowly for --train_iters %d (%d%% of the start remains), so"
        " evaluation will lag far behind training; %s",
        decay, steps, 100 * decay**steps, remedy,
    )  # fmt: skip

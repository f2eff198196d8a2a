"""The loop of a run: steps, log lines, evaluations, checkpoints, and an orderly stop."""

import math
import time

import numpy as np

from config.networks import NETWORKS
from evaluation import evaluator, metrics
from evaluation import files as eval_files
from evaluation.watch import ADVICE, CollapseWatch
from nets.heads import SCOPE as EMBEDDING_SCOPE
from pretrained import weights as weight_files
from training import build
from utils import checkpoints, logs
from utils.errors import Interrupted, UserError
from utils.signals import StopRequest
from utils.tf1 import tf

LARGE_GAP = 0.2
GAP_ADVICE = (
    "evaluation is much worse than training on the same images: the moving averages of batch"
    " normalisation have not caught up (github.com/tensorflow/models/issues/391); train longer, or"
    " choose a --bn_decay below %g, or --freeze_bn true with pretrained weights"
)


class TrainingLoop:
    """A session at work on one run.

    Attributes:
      done: int, steps done.
    """

    def __init__(self, config, session, graph, eval_graph, train_list, eval_list):
        """Takes the run's Config, its session, its two graphs and its two splits."""
        self.config, self.session = config, session
        self.graph, self.eval_graph = graph, eval_graph
        self.train_list, self.eval_list = train_list, eval_list
        self.done = 0
        self._saver = checkpoints.RunSaver(
            config.run_dir, config.checkpoint_name, config.keep_checkpoints
        )
        self._collapse = CollapseWatch()
        self._table, self._scores = None, None
        self._rows, self._since = [], 0.0

    def initialise(self, weights):
        """Restores the newest checkpoint of the run, or starts it from `weights` (path or None)."""
        config, session = self.config, self.session
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        newest = checkpoints.latest(config.run_dir)
        if newest is not None:
            checkpoints.restore(self._saver.last, session, newest)
        elif weights is not None:
            self._restore_pretrained(weights)
        self.done = int(session.run(self.graph.global_step))
        first_batch = self.done * config.accumulate_batches
        session.run(self.graph.iterator.initializer, {self.graph.first_batch: first_batch})
        logs.LOGGER.info("%s: %d of %d steps done", config.run_dir, self.done, config.train_iters)
        if newest is None:
            _warn_of_slow_statistics(config)
        columns = ["learning_rate", "images_per_second", *self.graph.terms]
        columns += [name for name in eval_files.SCORES if name not in columns]
        self._table = logs.MetricsLog(config.run_dir, columns, self.done)

    def _restore_pretrained(self, weights):
        heads = NETWORKS[self.config.net].head_scopes + (EMBEDDING_SCOPE,)
        report = weight_files.restore(self.session, weights, tf.model_variables(), heads)
        logs.LOGGER.info("weights from %s", weights)
        for line in report.lines():
            logs.LOGGER.info("  %s", line)
        for layer in report.layers_without_weights():
            logs.LOGGER.warning("  %s has statistics in this file but no weights", layer)

    def run(self):
        """Trains to the last step, with evaluations and checkpoints on the way.

        Returns:
          dict from score to float, of the evaluation after the last step.

        Raises:
          UserError: an image can't be decoded, or the loss or a weight is not finite.
          Interrupted: a signal came, and the state was saved.
        """
        self._since = time.time()
        with StopRequest() as stop, logs.progress_bar(self.config.train_iters, self.done) as bar:
            while self.done < self.config.train_iters:
                self._rows.append(self._take_step())
                bar.update()
                self._follow_schedule(bar, stopping=stop.signal_number is not None)
                if stop.signal_number is not None:
                    raise Interrupted(
                        stop.signal_number,
                        f"stopped and saved after step {self.done} of {self.config.train_iters};"
                        " the same command goes on from there",
                    )
        self._table.close()
        return self._scores or self._score()

    def _follow_schedule(self, bar, stopping):
        config, done = self.config, self.done
        last = done == config.train_iters
        if done % config.log_every_steps == 0 or done == 1 or last:
            self._log(bar)
        if (done % config.eval_every_steps == 0 or last) and not stopping:
            self._evaluate()
        if done % config.save_every_steps == 0 or last or stopping:
            self._check_weights()
            self._saver.save(self.session, done)
        if last:
            self._compare_statistics()

    def _take_step(self):
        """Takes one step and returns its terms."""
        terms = take_step(self.session, self.graph, self.config, self.train_list, self.done)
        self.done += 1
        if not math.isfinite(terms["loss"]):
            shown = ", ".join(f"{name} {value:g}" for name, value in terms.items())
            raise UserError(f"the loss of step {self.done} is not finite ({shown}){self._advice()}")
        return terms

    def _check_weights(self):
        """Keeps weights that an infinite gradient has spoilt out of the checkpoints."""
        if not self.session.run(self.graph.variables_finite):
            raise UserError(f"a weight is not finite after step {self.done}{self._advice()}")

    def _advice(self):
        newest = checkpoints.latest(self.config.run_dir)
        kept = f"; {newest} is kept" if newest else ""
        return f"{kept}; try a lower --learning_rate than {self.config.learning_rate:g}"

    def _log(self, bar):
        config = self.config
        mean = {name: np.mean([row[name] for row in self._rows]) for name in self.graph.terms}
        images = len(self._rows) * config.batch_size * config.accumulate_batches
        mean["images_per_second"] = images / (time.time() - self._since)
        mean["learning_rate"] = float(self.session.run(self.graph.learning_rate))
        self._rows, self._since = [], time.time()
        self._table.write(self.done, "train", mean)
        text = "  ".join(f"{name} {value:.4g}" for name, value in mean.items())
        logs.LOGGER.info("step %d/%d  %s", self.done, config.train_iters, text)
        bar.set_postfix(
            loss=f"{mean['loss']:.3f}",
            accuracy=f"{mean['accuracy']:.3f}",
            images_s=f"{mean['images_per_second']:.0f}",
        )
        if self._collapse.collapsed(mean):
            logs.LOGGER.warning(ADVICE)

    def _compare_statistics(self):
        """Scores one batch with its own statistics and with the moving averages."""
        graph, session = self.graph, self.session
        images, labels, own = session.run([graph.images, graph.labels, graph.logits])
        moving = session.run(self.eval_graph.logits, {self.eval_graph.images: images})
        accuracies = [metrics.accuracy(logits, labels) for logits in (own, moving)]
        text = "the same batch: accuracy %.3f with its own batch statistics, %.3f in evaluation"
        logs.LOGGER.info(text, *accuracies)
        if self.config.bn_decay is not None and accuracies[0] - accuracies[1] > LARGE_GAP:
            logs.LOGGER.warning(GAP_ADVICE, self.config.bn_decay)

    def _score(self):
        """Scores the evaluation split."""
        arrays = evaluator.run_network(self.session, self.eval_graph, self.eval_list)
        return evaluator.evaluate(arrays, arrays["embeddings"])

    def _evaluate(self):
        """Scores the split, logs it, and saves the checkpoint where it is the best so far."""
        session, split = self.session, self.config.eval_split
        scores = self._scores = self._score()
        self._table.write(self.done, split, scores)
        accuracy, step = session.run(self.graph.best)
        if scores["accuracy"] > accuracy:
            accuracy, step = scores["accuracy"], self.done
            self._check_weights()
            self.graph.best.load([accuracy, step], session)
            self._saver.save_best(session, self.done)
        logs.LOGGER.info(
            "step %d  %s split: accuracy %.4f  recall@1 %.4f  best accuracy %.4f at step %d",
            self.done, split, scores["accuracy"], scores["recall@1"], accuracy, step,
        )  # fmt: skip
        self._since = time.time()


def take_step(session, graph, config, image_list, done):
    """Takes one training step.

    Args:
      session: tf.Session.
      graph: trainer.TrainGraph.
      config: Config.
      image_list: data.lists.ImageList, the training split.
      done: int, steps done before.

    Returns:
      dict from term to float, averaged over the batches of the step.

    Raises:
      UserError: an image of the step can't be decoded.
    """
    batches = []
    try:
        if graph.accumulate is None:
            batches.append(session.run((graph.terms, graph.step))[0])
        else:
            for _ in range(config.accumulate_batches):
                batches.append(session.run((graph.terms, graph.accumulate))[0])
            session.run(graph.step)
    except tf.errors.OpError:
        _name_unreadable(config, image_list, done)
        raise
    return {name: float(np.mean([b[name] for b in batches])) for name in graph.terms}


def _name_unreadable(config, image_list, done):
    """Raises the UserError of an image of the next step that can't be decoded, if there is one."""
    first = done * config.accumulate_batches
    batch_at = build.sampler_of(config, image_list.labels)
    paths = image_list.paths
    for position in range(first, first + config.accumulate_batches):
        build.raise_unreadable(paths[i] for i in batch_at(position))


def _warn_of_slow_statistics(config):
    """Moving averages that a short run can't fill make evaluation much worse than training."""
    decay = config.bn_decay
    if config.freeze_bn or decay is None or decay**config.train_iters < 0.05:
        return
    logs.LOGGER.warning(
        "--bn_decay %g forgets too slowly for --train_iters %d (%d%% of the start remains), so"
        " evaluation will lag far behind training; --bn_decay %.2g suits this length",
        config.bn_decay,
        config.train_iters,
        100 * config.bn_decay**config.train_iters,
        max(0.5, 1 - 10 / config.train_iters),
    )

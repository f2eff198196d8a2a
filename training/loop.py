"""The training loop: takes steps, calls the hooks after each, and stops cleanly."""

import math

import numpy as np

from training import build
from utils import checkpoints
from utils.errors import Interrupted, UserError
from utils.signals import StopRequest
from utils.tf1 import tf


class TrainingLoop:
    """A session that trains one run.

    Attributes:
      config: Config.
          session: tf.Session, with the run's variables after `done` steps.
      graph: training.graphs.TrainGraph.
          done: int, steps done.
      stop: utils.signals.StopRequest, entered while the loop runs.
    """

    def __init__(self, config, session, graph, train_list, hooks):
        """Takes the run, its training list (data.lists.ImageList) and its hooks in order."""
        self.config, self.session, self.graph = config, session, graph
        self.done = int(session.run(graph.global_step))
        self.stop = StopRequest()
        self._train_list, self._hooks = train_list, hooks

    @property
    def is_last(self):
        """bool, whether the last step is done."""
        return self.done == self.config.train_iters

    def is_due(self, every_steps):
        """Whether something done every `every_steps` steps, and after the last, is due now."""
        return self.done % every_steps == 0 or self.is_last

    def run(self):
        """Trains to the last step.

        Raises:
          UserError: an image can't be decoded, or the loss or a weight is not finite.
          Interrupted: a signal came, and the state was saved.
        """
        try:
            with self.stop:
                for hook in self._hooks:
                    hook.begin(self)
                self._check_stop()
                while not self.is_last:
                    self._step()
                    self._check_stop()
        finally:
            for hook in self._hooks:
                hook.end(self)

    def _step(self):
        terms = take_step(self.session, self.graph, self.config, self._train_list, self.done)
        self.done += 1
        if not math.isfinite(terms["loss"]):
            shown = ", ".join(f"{name} {value:g}" for name, value in terms.items())
            raise UserError(f"the loss of step {self.done} is not finite ({shown}){self._remedy()}")
        for hook in self._hooks:
            hook.after_step(self, terms)

    def _check_stop(self):
        number = self.stop.signal_number
        if number is not None:
            what = f"stopped and saved after step {self.done}" if self.done else "stopped at step 0"
            total = self.config.train_iters
            raise Interrupted(number, f"{what} of {total}; run the same command again to resume")

    def check_variables(self):
        """Keeps infinite and NaN values out of the checkpoints.

        Raises:
          UserError: a variable is not finite.
        """
        names = self.session.run(self.graph.not_finite)
        if len(names):
            shown = ", ".join(name.decode() for name in names[:3])
            raise UserError(
                f"{len(names)} variables are not finite after step {self.done}, such as {shown}"
                f"{self._remedy()}"
            )

    def _remedy(self):
        """What is kept and what to try; if the first step fails, the cause is its input."""
        newest = checkpoints.latest(self.config.run_dir, self.config.checkpoint_name)
        kept = f"; {newest} is kept" if newest else ""
        if self.done == 1:
            return f"{kept}; check the start weights and the settings of the loss"
        return f"{kept}; try a lower --learning_rate than {self.config.learning_rate:g}"


def take_step(session, graph, config, image_list, done):
    """Takes one training step.

    Args:
      session: tf.Session.
      graph: training.graphs.TrainGraph.
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
    """Raises the UserError for an undecodable image of the next step, if there is one."""
    first = done * config.accumulate_batches
    batch_at = build.sampler_of(config, image_list.labels)
    paths = image_list.paths
    for position in range(first, first + config.accumulate_batches):
        chosen = (paths[i] for i in batch_at(position))
        build.raise_unreadable(chosen, build.augmentation_of(config))

"""The training loop: takes steps, calls the hooks after each, and stops cleanly."""

import math

import numpy as np

from training import build, graphs
from utils import advice_file, checkpoints
from utils.errors import Interrupted, UserError
from utils.run_dir import ADVICE_FILE
from utils.signals import StopRequest
from utils.tf1 import tf


class TrainingLoop:
    """A session that trains one run.

    Attributes:
      config: Config.
      session: tf.Session, with the run's variables after `done` steps.
      graph: training.graphs.TrainGraph.
      done: int, steps done.
      interval: float64 [T + 1], sums of the T terms over the steps since the last log line, and
        the number of these steps; saved with the weights, so that a resumed run logs the same.
      signal_number: int or None, the signal after which all processes of the run stop.
    """

    def __init__(self, config, session, graph, train_list, hooks):
        """Takes the run, its training list (data.lists.ImageList) and its hooks in order."""
        self.config, self.session, self.graph = config, session, graph
        self.done = int(session.run(graph.global_step))
        self.interval = session.run(graph.interval)
        self.signal_number = None
        self._stop = StopRequest()
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
            with self._stop:
                for hook in self._hooks:
                    hook.begin(self)
                self.look_for_signal()
                self._check_stop()
                while not self.is_last:
                    self._step()
                    self._check_stop()
        finally:
            for hook in self._hooks:
                hook.end(self)

    def look_for_signal(self):
        """Updates `signal_number`; all processes of the run call it at the same point.

        Returns:
          bool, whether a signal has come.
        """
        if self.signal_number is None:
            own = self._stop.signal_number
            self.signal_number = self.graph.replicas.agree(self.session, own)
        return self.signal_number is not None

    def rewind(self):
        """Moves the input back to the batch of the next step."""
        graphs.seek(self.session, self.graph, self.done * build.draws_per_step(self.config))

    def _step(self):
        terms = take_step(self.session, self.graph, self.config, self._train_list, self.done)
        self.done += 1
        self.look_for_signal()
        if not math.isfinite(terms["loss"]):
            self._raise_not_finite(terms)
        for hook in self._hooks:
            hook.after_step(self, terms)

    def _raise_not_finite(self, terms):
        """Names the step, its terms and its images, which advice.json lists in full."""
        shown = ", ".join(f"{name} {value:g}" for name, value in terms.items())
        files = [
            self._train_list.files[i]
            for i in positions_of(self.config, self._train_list, self.done - 1)
        ]
        others = f" and {len(files) - 2} others in {ADVICE_FILE}" if len(files) > 2 else ""
        sentence = (
            f"the loss of step {self.done} is not finite ({shown}); its images are"
            f" {', '.join(files[:2])}{others}{self._remedy()}"
        )
        if self.graph.replicas.is_chief:
            folder, numbers = self.config.run_dir, dict(terms, files=files)
            advice_file.read_or_move_away(folder)
            advice_file.add(folder, "loss_not_finite", self.done, sentence, numbers)
        raise UserError(sentence)

    def _check_stop(self):
        number = self.signal_number
        if number is not None:
            what = f"stopped and saved after step {self.done}" if self.done else "stopped at step 0"
            total = self.config.train_iters
            raise Interrupted(number, f"{what} of {total}; run the same command again to resume")

    def save(self, save):
        """Saves the state with `RunSaver.save` or `RunSaver.save_best`.

        Raises:
          UserError: a variable is infinite or NaN, or the checkpoint can't be written.
        """
        self.session.run(self.graph.average_statistics)
        self.check_variables()
        self.session.run(self.graph.set_interval, {self.graph.new_interval: self.interval})
        save(self.session, self.done)

    def check_variables(self):
        """Keeps infinite and NaN values out of checkpoints and evaluations.

        Raises:
          UserError: a variable is infinite or NaN.
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
        parts = [{graph.part: part} for part in range(config.accumulate_batches)]
        if graph.embed is not None:
            session.run(graph.load)
            for part in parts:
                session.run(graph.embed, part)
        if graph.accumulate is None:
            batches.append(session.run((graph.terms, graph.step), parts[0])[0])
        else:
            batches = [session.run((graph.terms, graph.accumulate), part)[0] for part in parts]
            session.run(graph.step)
    except tf.errors.OpError:
        _name_unreadable(config, image_list, done)
        raise
    return {name: float(np.mean([b[name] for b in batches])) for name in graph.terms}


def _name_unreadable(config, image_list, done):
    """Raises the UserError for an undecodable image of the next step, if there is one."""
    paths = image_list.paths
    chosen = (paths[i] for i in positions_of(config, image_list, done))
    build.raise_unreadable(chosen, build.augmentation_of(config))


def positions_of(config, image_list, done):
    """The list positions of the images of a step.

    Args:
      config: Config.
      image_list: data.lists.ImageList, the training split.
      done: int, steps done before.

    Returns:
      int64 [B * accumulate_batches].
    """
    number = build.draws_per_step(config)
    batch_at = build.sampler_of(config, image_list.labels)
    return np.concatenate([batch_at(done * number + i) for i in range(number)])

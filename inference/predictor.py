"""Runs new images through a saved network: labels, probabilities and vectors."""

import dataclasses
import hashlib
import os

import numpy as np

from config import stored
from data import augment, pipeline
from data.lists import ClassMap
from evaluation import spaces
from inference.answers import Answer
from inference.inputs import problem_of
from training import build
from utils import checkpoints, run_dir
from utils.tf1 import open_session, tf

TOP = 5


class Predictor:
    """A saved network that predicts on images; a context manager.

    Attributes:
      config: Config.
      classes: list of (label, name), both str.
      names: list of C str, only the names.
      identity: dict that identifies this network, see `inference.index.IDENTITY`.
    """

    def __init__(self, folder, checkpoint="last", tta=None, batch_size=None, overrides=None):
        """Restores the network.

        Args:
          folder: str, the run folder.
          checkpoint: str, "last", "best" or a checkpoint's prefix.
          tta: "flip" averages each image and its mirror image; or None.
          batch_size: int, default the run's.
          overrides: dict from setting to value, such as `gpu`.

        Raises:
          UserError: the run or the checkpoint is missing or damaged.
        """
        self.config = dataclasses.replace(stored.read(folder)[0], **overrides or {})
        self.classes = run_dir.read_classes(folder)
        self.names = [name for _, name in self.classes]
        prefix = checkpoints.find(folder, checkpoint)
        self._graph = tf.Graph()
        with self._graph.as_default():
            self._build(batch_size or self.config.batch_size, tta == "flip")
            self._session = open_session(self.config.gpu)
            try:
                checkpoints.restore(tf.train.Saver(), self._session, prefix)
                self.identity = self._identity_of(prefix)
            except BaseException:
                self.close()
                raise

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *error):
        """Closes the session."""
        self.close()

    def close(self):
        """Frees the network; the predictor can't be used afterwards."""
        self._session.close()

    @property
    def spaces(self):
        """Tuple of str, the spaces that the run has."""
        return spaces.names_of(self.config.emb_dim is not None)

    def _build(self, batch_size, mirrors):
        augmentation = self._augmentation = build.augmentation_of(self.config)
        self._paths = tf.placeholder(tf.string, [None])

        def load(position, path):
            return position, augment.evaluation_frame(tf.io.read_file(path), augmentation)

        examples = tf.data.Dataset.from_tensor_slices((tf.range(tf.size(self._paths)), self._paths))
        calls = self.config.parallel_calls or tf.data.experimental.AUTOTUNE
        frames = examples.map(load, num_parallel_calls=calls)
        # Unreadable images are dropped here; the positions show which ones are left.
        frames = frames.apply(tf.data.experimental.ignore_errors())
        self._iterator = tf.data.make_initializable_iterator(frames.batch(batch_size).prefetch(2))
        positions, images = self._iterator.get_next()
        if mirrors:
            images = tf.concat([images, images[:, :, ::-1]], axis=0)
        tower = build.build_tower(self.config, images, len(self.classes), is_training=False)

        def mean(values):
            views = tf.reshape(values, [1 + mirrors, -1, int(values.shape[1])])
            return tf.reduce_mean(views, axis=0)

        self._fetches = {
            "positions": positions,
            "probabilities": mean(tf.nn.softmax(tower.logits)),
            "pooled": mean(tower.pooled),
        }
        if tower.embeddings is not None:
            self._fetches["embeddings"] = mean(tower.embeddings)

    def _identity_of(self, prefix):
        with open(prefix + ".index", "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        folder = self.config.run_dir
        preprocessing = self._augmentation._asdict()
        used = ("frame_size", "resize_min", "normalisation")
        labels = tuple(label for label, _ in self.classes)
        return {
            "class_map": ClassMap(labels, tuple(self.names)).digest,
            "num_classes": len(self.classes),
            "step": checkpoints.step_of(prefix),
            "checkpoint_hash": digest,
            "preprocessing": {name: preprocessing[name] for name in used},
            "checkpoint": os.path.relpath(prefix, folder),
            "run_dir": folder,
        }

    def batches(self, paths):
        """Runs images through the network, once.

        Args:
          paths: list of str.

        Yields:
          dict of arrays for the readable images, in order: `positions` int32 [B] in
          `paths`, `probabilities` float32 [B, C], `pooled` float32 [B, F] and, with that head,
          `embeddings` float32 [B, D], both with rows of unit norm.
        """
        names = np.array([os.fsencode(os.path.abspath(path)) for path in paths], object)
        self._session.run(self._iterator.initializer, {self._paths: names})
        while True:
            try:
                arrays = self._session.run(self._fetches)
            except tf.errors.OutOfRangeError:
                return
            for name in set(arrays) & {"embeddings", "pooled"}:
                arrays[name] = spaces.unit_rows(arrays[name])
            yield arrays

    def answers(self, paths, gallery=None):
        """Yields the answers for images, one by one.

        Args:
          paths: list of str.
          gallery: inference.gallery.Gallery to search for neighbours, or None.

        Yields:
          Answer for each path, in order.
        """
        problems = [problem_of(path) for path in paths]
        readable = [i for i, problem in enumerate(problems) if problem is None]
        done = 0
        for arrays in self.batches([paths[i] for i in readable]):
            places = [readable[position] for position in arrays["positions"]]
            made = [self._answer(paths[place], arrays, row) for row, place in enumerate(places)]
            if gallery is not None:
                made = gallery.add_neighbours(made, arrays)
            for place, answer in zip(places, made):
                yield from map(self._broken, paths[done:place], problems[done:place])
                yield answer
                done = place + 1
        yield from map(self._broken, paths[done:], problems[done:])

    def predict(self, paths, gallery=None):
        """`answers` as a list of Answer."""
        return list(self.answers(paths, gallery))

    def _answer(self, path, arrays, row):
        probabilities = arrays["probabilities"][row]
        order = np.argsort(-probabilities, kind="stable")[:TOP]
        top = tuple((self.names[i], float(probabilities[i])) for i in order)
        return Answer(
            path,
            label=top[0][0],
            source="softmax",
            probability=top[0][1],
            top=top,
            embedding=arrays["embeddings"][row] if "embeddings" in arrays else None,
            pooled=arrays["pooled"][row],
        )

    def _broken(self, path, problem):
        if problem is None:
            name = os.fsencode(os.path.abspath(path))
            found = pipeline.first_unreadable([name], self._augmentation)
            problem = f"it can't be decoded: {found[1]}" if found else "it can't be read"
        return Answer(path, error=problem)

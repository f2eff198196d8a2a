"""Writes the report of a run and the files of TensorBoard's projector."""

import dataclasses
import os

import numpy as np

from config import stored
from config.networks import NETWORKS
from evaluation import evaluator, neighbours, network, spaces
from evaluation import files as eval_files
from evaluation.classifiers import softmax
from evaluation.report import attention, errors, page, projector, run_files, suspects
from evaluation.report.inputs import Found, ImageSet, Inputs, Sample
from training import preflight
from utils.run_dir import write_text

NEAREST, NEAREST_TO_ERRORS, ERRORS, SAMPLE = 10, 4, 24, 2000
_CHUNK = 4096


class Run:
    """An evaluation of a run, with its stored outputs.

    Attributes:
      config: Config.
      prefix: str, the checkpoint's.
      metrics: dict, the content of metrics.json.
      dataset: data.lists.Dataset with the split and the training list.
      outputs: dict from split to dict of arrays, see `network.run_network`; that of the training
        list only if it has the split's classes.
      own: str, the space of the main scores.
      unseen: bool, training has no class of the split.
    """

    def __init__(self, folder, split, metrics, overrides=None):
        """Takes the run folder, the split, its evaluation's metrics, and settings to replace."""
        self.config = dataclasses.replace(stored.read(folder)[0], **overrides or {})
        self.metrics = metrics
        self.prefix = os.path.join(self.config.run_dir, metrics["checkpoint"])
        dataset = preflight.load_dataset(self.config, {split, "train"})
        self.dataset = evaluator.without_bad_images(self.config, dataset, split)
        self.unseen = bool(self.dataset.splits[split].unseen)
        needed = evaluator.needed_lists(self.dataset, split)
        self.outputs, _ = network.outputs_of(self.config, self.prefix, needed)
        self.own = evaluator.EMBEDDINGS[metrics["embedding"]]
        self.split = split
        self.names = eval_files.printable(self.dataset.names_of(split))

    def vectors(self, part, space):
        """The vectors of a list in a space, float32 [N, D]."""
        return spaces.vectors_of(self.outputs[part], space)

    def rows_in_training(self, part):
        """Each image's own row in the training list, int [N]; -1 if it is not there."""
        rows = {path: row for row, path in enumerate(self.dataset.splits["train"].paths)}
        return np.array([rows.get(path, -1) for path in self.dataset.splits[part].paths], int)


def write_report(folder, split, metrics, overrides=None):
    """Writes eval/<split>/report.html of an evaluated run.

    Args:
      folder: str, the run folder.
      split: str.
      metrics: dict, the result of `evaluator.evaluate_run`.
      overrides: dict from setting to value, such as a new location of the data set.

    Returns:
      str, the file.

    Raises:
      UserError: the run or its data set is missing, or the folder can't be written.
    """
    run = Run(folder, split, metrics, overrides)
    path = os.path.join(folder, "eval", split, eval_files.PAGE)
    text = page.render(inputs_of(run))
    with eval_files.writing(os.path.dirname(path)):
        write_text(path, text)
    return path


def write_projector(folder, split, metrics, overrides=None):
    """Writes eval/<split>/projector/ of an evaluated run, see `write_report`.

    Returns:
      str, the folder.
    """
    run = Run(folder, split, metrics, overrides)
    target = os.path.join(folder, "eval", split, eval_files.PROJECTOR)
    image_list = run.dataset.splits[split]
    with eval_files.writing(target):
        projector.write(
            target, run.vectors(split, run.own), image_list.labels,
            eval_files.printable(image_list.files), image_list.paths, run.names,
            run.config.max_megapixels,
        )  # fmt: skip
    return target


# What eval.py can write besides the scores.
WRITERS = {"report": write_report, "projector": write_projector}


def inputs_of(run):
    """Collects everything that the page of a run shows.

    Args:
      run: Run.

    Returns:
      inputs.Inputs.
    """
    config, split = run.config, run.split
    space_names = spaces.names_of(config.emb_dim is not None)
    return Inputs(
        **(_without_classifiers(run) if run.unseen else _with_classifiers(run, space_names)),
        title=f"{os.path.basename(os.path.abspath(config.run_dir))}: {split} list",
        settings=_settings(config),
        metrics=run.metrics,
        class_names=run.names,
        own=run.own,
        nearest=_nearest_others(run.vectors(split, run.own)),
        samples=_samples(run, space_names),
        history=run_files.history(config.run_dir),
        advice=run_files.advice(config.run_dir),
        seed=config.seed,
        max_megapixels=config.max_megapixels,
    )


def _without_classifiers(run):
    """The fields of Inputs about both classifiers, for classes that they do not know."""
    image_list = run.dataset.splits[run.split]
    files = eval_files.printable(image_list.files)
    scored = ImageSet(files, image_list.paths, image_list.labels, None, None)
    return dict(
        scored=scored, train=None, errors=None, near_errors={}, explanation=None, duplicates=[]
    )


def _with_classifiers(run, space_names):
    """The fields of Inputs about both classifiers."""
    config, split = run.config, run.split
    sets = _image_sets(run)
    scored, train = sets[split], sets["train"]
    chosen = errors.choose(scored.probabilities, scored.labels, config.seed, ERRORS)
    near_errors = {
        space: _Search(run, space).of(split, NEAREST_TO_ERRORS, chosen) for space in space_names
    }
    return dict(
        scored=scored,
        train=train,
        errors=chosen,
        near_errors=near_errors,
        explanation=_explanation(run, scored, chosen, near_errors),
        duplicates=suspects.near_duplicates(
            scored.paths, scored.labels, train.paths, train.labels,
            _Search(run, "pooled").of(split, NEAREST), config.max_megapixels,
        ),
    )  # fmt: skip


class _Search:
    """The training images of one space, searched in chunks."""

    def __init__(self, run, space):
        self._run, self._space = run, space
        self._index = neighbours.Index(run.vectors("train", space))

    def of(self, part, count, rows=None):
        """The nearest training images of a list's images, themselves left out: Found."""
        vectors, own = self._run.vectors(part, self._space), self._run.rows_in_training(part)
        rows = np.arange(len(own)) if rows is None else rows
        return _search(self._index, vectors[rows], count, own[rows])


def _nearest_others(vectors):
    return _search(neighbours.Index(vectors), vectors, NEAREST, np.arange(len(vectors)))


def _search(index, vectors, count, own):
    """The `count` nearest of each vector, Found, in chunks of bounded memory."""
    parts = [
        index.search(vectors[start : start + _CHUNK], count, own[start : start + _CHUNK])
        for start in range(0, max(len(vectors), 1), _CHUNK)
    ]
    squared, rows = (np.concatenate(columns) for columns in zip(*parts))
    return Found(np.sqrt(np.maximum(squared, 0)), rows)


def _image_sets(run):
    """The ImageSet of the split and of the training list, with their neighbours' votes."""
    voters, search = run.metrics["heads"]["num_neighbours"], _Search(run, run.own)
    found = {}
    for part in {run.split, "train"}:
        image_list, logits = run.dataset.splits[part], run.outputs[part]["logits"]
        near = search.of(part, voters)
        labels = run.dataset.splits["train"].labels[near.rows]
        found[part] = ImageSet(
            eval_files.printable(image_list.files),
            image_list.paths,
            image_list.labels,
            softmax(logits.astype(np.float32)),
            neighbours.class_probabilities(labels, near.distances**2, logits.shape[1]),
        )
    return found


def _explanation(run, scored, chosen, near_errors):
    """Where both heads look in the errors; None without errors."""
    if not len(chosen):
        return None
    image_list = run.dataset.splits[run.split]
    some = image_list._replace(
        files=[image_list.files[row] for row in chosen], labels=image_list.labels[chosen]
    )
    others = None
    if "embedding" in near_errors:
        others = run.vectors("train", "embedding")[near_errors["embedding"].rows[:, 0]]
    classes = np.argmax(scored.probabilities[chosen], axis=1)
    return attention.explain(run.config, run.prefix, some, len(run.names), classes, others)


def _samples(run, space_names):
    """A random sample of the list in each space, with the same images in all."""
    labels = run.dataset.splits[run.split].labels
    rows = np.random.RandomState(run.config.seed).permutation(len(labels))[:SAMPLE]
    return {
        space: Sample(run.vectors(run.split, space)[rows], labels[rows]) for space in space_names
    }


def _settings(config):
    shown = {
        "network": NETWORKS[config.net].title,
        "training": config.train_mode,
        "data set": config.dataset,
        "steps": config.train_iters,
        "images a step": config.batch_size * config.accumulate_batches,
        "frame": f"{config.frame_size} px",
        "seed": config.seed,
    }
    return {name: str(value) for name, value in shown.items()}

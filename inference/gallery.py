"""A gallery of labelled images, to search for the neighbours of new images."""

import os

import numpy as np

from data.folders import SPLITS, files_of_classes
from data.lists import ImageList
from evaluation import spaces, unknown
from inference import index as index_files
from inference import search
from inference.answers import Neighbour, vote
from training.preflight import load_dataset
from utils import run_dir
from utils.errors import UserError


class Gallery:
    """An index that is searched in one space.

    Attributes:
      index: inference.index.Index.
      space: str from `spaces.SPACES`.
      num_neighbours: int, k.
      vectors: float32 [M, D], rows of unit norm.
      recall: float, the fraction of the exact neighbours that faiss finds; None for exact search.
      threshold: float, an image is unknown if its nearest neighbour is farther; or None.
    """

    def __init__(self, index, space, num_neighbours, use_faiss=False):
        """Takes the attributes, see above.

        Raises:
          UserError: the gallery has fewer images than `num_neighbours`, or faiss is not installed.
        """
        if num_neighbours > len(index.files):
            raise UserError(
                f"--neighbours {num_neighbours} is more than the {len(index.files)} images in the"
                " gallery; choose fewer"
            )
        self.index, self.space, self.num_neighbours = index, space, num_neighbours
        self.vectors = index.vectors(space)
        self.threshold = None
        self._search, self.recall = None, None
        if use_faiss:
            self._search = search.FaissSearch(self.vectors, num_neighbours)
            self.recall = self._search.recall

    def nearest(self, arrays, k=None):
        """The nearest images of the gallery.

        Args:
          arrays: dict from `Predictor.batches`.
          k: int, default the gallery's.

        Returns:
          float32 [B, k], distances, and int64 [B, k], rows of the index.
        """
        queries, k = spaces.vectors_of(arrays, self.space), k or self.num_neighbours
        if self._search is not None:
            return self._search(queries, k)
        return search.exact(queries, self.vectors, k)

    def add_neighbours(self, answers, arrays):
        """Adds neighbours to answers.

        Args:
          answers: list of B Answer of softmax.
          arrays: dict from `Predictor.batches`, for the same images.

        Returns:
          list of B Answer.
        """
        best = np.argmax(arrays["probabilities"], axis=1)
        return [self._completed(*row) for row in zip(answers, best, *self.nearest(arrays))]

    def _completed(self, answer, softmax_class, distances, rows):
        index = self.index
        winner, share = vote(index.labels[rows], distances)
        changes = {
            "neighbours": tuple(map(self._neighbour, rows, distances)),
            "neighbour_label": index.classes[winner],
        }
        if winner >= index.identity["num_classes"]:  # enrolled: softmax can't predict it
            changes.update(label=index.classes[winner], source="neighbours", probability=share)
        else:
            changes["agree"] = bool(winner == softmax_class)
        if self.threshold is not None:
            changes["unknown"] = bool(distances[0] > self.threshold)
        return answer._replace(**changes)

    def _neighbour(self, row, distance):
        index = self.index
        path = os.path.normpath(os.path.join(index.folder, index.files[row]))
        return Neighbour(index.files[row], path, index.classes[index.labels[row]], float(distance))

    def set_threshold(self, predictor, share):
        """Sets the threshold for unknown images, which flags a share of the validation images.

        Args:
          predictor: Predictor.
          share: float in (0, 1).

        Returns:
          str, how the threshold was chosen.
        """
        paths = _validation_paths(predictor, set(self.index.paths))
        nearest = [self.nearest(arrays, 1)[0][:, 0] for arrays in predictor.batches(paths)]
        if nearest:
            distances = np.concatenate(nearest)
            source = f"{len(distances)} validation images"
        else:
            if len(self.vectors) < 2:
                raise UserError("--unknown needs a gallery of at least two images")
            distances = search.exact_others(self.vectors, 1)[0][:, 0]
            source = (
                f"the gallery's {len(distances)} images, each against the others, as there is no"
                " validation split besides the gallery"
            )
        self.threshold = unknown.threshold(distances, share)
        return f"{source}; images beyond {self.threshold:.4f} are unknown"


def _validation_paths(predictor, gallery_paths):
    """The validation images of known classes that are not in the gallery, if there are any."""
    try:
        listed = images_of_split(predictor, "val")
    except UserError:
        return []
    if listed.unseen:
        return []
    return [path for path in map(os.path.abspath, listed.paths) if path not in gallery_paths]


def images_of_split(predictor, split):
    """The data.lists.ImageList of a split of the run's data set.

    Raises:
      UserError: the data set is missing, or its classes differ from the run's.
    """
    dataset = load_dataset(predictor.config, [split])
    class_map = dataset.class_map
    run_dir.check_classes(predictor.config.run_dir, class_map.labels, class_map.names)
    return dataset.splits[split]


def images_of_folder(predictor, folder):
    """The ImageList of a folder with one subfolder per class.

    Raises:
      UserError: there is no image, or a subfolder is not a class of the run.
    """
    rows = files_of_classes(folder)
    places = {name: i for i, name in enumerate(predictor.names)}
    places.update({label: i for i, (label, _) in enumerate(predictor.classes)})
    for label, _ in rows:
        if label not in places:
            raise UserError(
                f"the gallery {folder} has the class {label}, which the run does not have;"
                " add a new class to an index with predict.py enrol"
            )
    labels = np.array([places[label] for label, _ in rows], np.int32)
    return ImageList(folder, [name for _, name in rows], labels)


def build_index(predictor, source):
    """Runs a gallery through the network.

    Args:
      predictor: Predictor.
      source: str, a split of the run's data set, or a folder with one subfolder per class.

    Returns:
      inference.index.Index of the readable images, and list of Answer for the others.

    Raises:
      UserError: there is no such gallery, its classes differ, or none of it can be read.
    """
    find = images_of_split if source in SPLITS else images_of_folder
    images = find(predictor, source)
    kept, arrays, broken = run_images(predictor, images.paths)
    index = index_files.Index(
        identity=predictor.identity,
        folder=os.path.abspath(images.folder),
        files=tuple(images.files[i] for i in kept),
        classes=(*predictor.names, *images.unseen),
        labels=images.labels[kept],
        embeddings=arrays.get("embeddings"),
        pooled=arrays["pooled"],
    )
    return index, broken


def run_images(predictor, paths):
    """Runs images through the network and keeps their vectors.

    Returns:
      list of the positions in `paths` that can be read, dict with `pooled` and, with that head,
      `embeddings`, and list of Answer for the unreadable ones.

    Raises:
      UserError: none can be read.
    """
    answers = predictor.predict(paths)
    broken = [answer for answer in answers if answer.error is not None]
    kept = [i for i, answer in enumerate(answers) if answer.error is None]
    if not kept:
        raise UserError(f"no image can be read; the first is {paths[0]}: {broken[0].error}")
    fields = {"pooled": "pooled", "embeddings": "embedding"}
    arrays = {name: [getattr(answers[i], field) for i in kept] for name, field in fields.items()}
    has_head = answers[kept[0]].embedding is not None
    return kept, {n: np.stack(a) for n, a in arrays.items() if n == "pooled" or has_head}, broken


def open_gallery(predictor, source, num_neighbours=None, space=None, use_faiss=False):
    """Opens a gallery for `Predictor.predict`.

    Args:
      predictor: Predictor.
      source: str, a split, a folder with one subfolder per class, or the file of an index.
      num_neighbours: int, default 10, or all if there are fewer.
      space: str, default "embedding", or "pooled" for a run without that head.
      use_faiss: bool.

    Returns:
      Gallery, and list of Answer for its unreadable images.

    Raises:
      UserError: the gallery does not match the run or the other arguments.
    """
    space = space or predictor.spaces[0]
    if space not in predictor.spaces:
        raise UserError(
            f"--space {space}: a vanilla run has no embedding head; leave it out, or choose pooled"
        )
    if source in SPLITS or os.path.isdir(source):
        index, broken = build_index(predictor, source)
    else:
        index, broken = index_files.read(source), []
        index_files.check_identity(source, index, predictor.identity)
    num_neighbours = num_neighbours or min(search.DEFAULT_NEIGHBOURS, len(index.files))
    return Gallery(index, space, num_neighbours, use_faiss), broken

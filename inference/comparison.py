"""Compares an exported model's outputs with those of its checkpoint."""

import contextlib
import os
import tempfile
import time

import numpy as np
from PIL import Image
from scipy.special import softmax

from data.lists import ImageList
from evaluation import network, spaces
from inference.formats import ENCODED, PIXELS
from training import graphs, preflight
from utils import checkpoints
from utils.errors import UserError
from utils.tf1 import open_session, tf

LIMIT = 1e-5
IMAGES = 32


class Differs(Exception):  # noqa: N818 - not a mistake of the user's
    """A model's outputs differ from the checkpoint's; the message is one sentence."""


def compare(signatures, config, prefix, class_names, space):
    """Runs the same images through a model and through the checkpoint, on the CPU.

    Args:
      signatures: dict from `formats.Format.load`.
      config: Config of the run.
      prefix: str, the checkpoint.
      class_names: list of C str.
      space: str from `spaces.SPACES`.

    Returns:
      list of str, one line per signature.

    Raises:
      Differs: a probability or a component of a vector is off by more than `LIMIT`.
      UserError: the checkpoint or an image can't be read.
    """
    with tempfile.TemporaryDirectory() as scratch:
        images, source = _sample(config, scratch)
        arrays, pixels = _run_checkpoint(config, prefix, images, len(class_names))
        batches = {ENCODED: [_contents(path) for path in images.paths], PIXELS: pixels}
    expected = {
        "probabilities": softmax(arrays["logits"], axis=1),
        "embedding": spaces.vectors_of(arrays, space),
    }
    lines = []
    for name, run in signatures.items():
        answers = run(batches[name])
        start = time.perf_counter()
        run(batches[name])
        milliseconds = 1000 * (time.perf_counter() - start) / len(images.files)
        gaps = {key: float(np.abs(answers[key] - expected[key]).max()) for key in expected}
        largest = np.max(list(gaps.values()))
        if not largest <= LIMIT:  # also for nan
            raise Differs(
                f"the outputs of {name} differ from those of {prefix} by {largest:.1e}, more than"
                f" {LIMIT}; nothing was written"
            )
        lines.append(
            f"{name}: probabilities within {gaps['probabilities']:.1e} and embedding"
            f" [{expected['embedding'].shape[1]}] within {gaps['embedding']:.1e} of the"
            f" checkpoint's on {source}; {milliseconds:.1f} ms per image"
        )
    return lines


def _run_checkpoint(config, prefix, images, num_classes):
    """The arrays from `network.run_network`, and its input, float32 [N, F, F, 3]."""
    with tf.Graph().as_default():
        graph = graphs.build_eval_graph(config, images, num_classes, len(images.files))
        with open_session("-1") as session:
            checkpoints.restore(tf.train.Saver(), session, prefix)
            arrays = network.run_network(session, graph, images)
            session.run(graph.start)
            return arrays, session.run(graph.images)


def _sample(config, scratch):
    """Images spread over the final split of the run's data set, or generated ones without it."""
    if os.path.isdir(config.dataset_dir):
        with contextlib.suppress(UserError):  # parts of it are missing
            split = preflight.final_split(config)
            images = preflight.load_dataset(config, [split]).splits[split]
            count = min(IMAGES, len(images.files))
            chosen = np.linspace(0, len(images.files) - 1, count).astype(int)
            files = [images.files[i] for i in chosen]
            return ImageList(images.folder, files, images.labels[chosen]), f"{count} {split} images"
    return _generated(scratch), f"{IMAGES} generated images"


def _generated(folder):
    """Smooth random images, every second one a PNG."""
    rng = np.random.RandomState(0)
    files = [f"{i}.{('jpg', 'png')[i % 2]}" for i in range(IMAGES)]
    for i, name in enumerate(files):
        small = Image.fromarray(rng.randint(0, 256, (12, 16, 3)).astype(np.uint8))
        small.resize((320 + 8 * i, 240), Image.BICUBIC).save(os.path.join(folder, name))
    return ImageList(folder, files, np.zeros(IMAGES, np.int32))


def _contents(path):
    with open(path, "rb") as file:
        return file.read()

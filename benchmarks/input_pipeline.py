"""Training frames from 1024-pixel JPEGs: crop first, with and without copies, and resize first.

python -m benchmarks.input_pipeline
"""

import argparse
import os
import tempfile
import time

import numpy as np
from PIL import Image, ImageChops
from sklearn.datasets import load_sample_images

from benchmarks.turns import compare, lines_of, take_turns
from data import augment
from data.cache import Cache
from utils.tf1 import TENSORFLOW_VERSION, tf

AUGMENTATION = augment.Augmentation("img", 224, 350, 512, 256, True, "inception", 200 * 10**6)


def write_images(folder, count, width=1024, height=768):
    """Writes scikit-learn's two sample photographs, enlarged and shifted, as JPEGs."""
    photos = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    paths = []
    for i in range(count):
        shifted = ImageChops.offset(photos[i % 2].resize((width, height), Image.LANCZOS), 37 * i)
        paths.append(os.path.join(folder, f"{i}.jpg"))
        shifted.save(paths[-1], quality=90)
    return paths


def crop_first(contents, draws):
    """A frame from the pipeline."""
    return augment.training_frame(contents, AUGMENTATION, draws)


def resize_first(contents, draws):
    """The same frame the simple way: decode all, resize all, crop, flip."""
    image = tf.image.decode_jpeg(contents, channels=3)
    shape = tf.shape(image)[:2]
    side = 350 + tf.cast(draws[0] * 163, tf.int32)
    resized = shape * side // tf.reduce_min(shape)
    image = tf.image.resize_bilinear(image[tf.newaxis], resized)[0]
    offset = tf.cast(draws[1:3] * tf.cast(resized - 223, tf.float32), tf.int32)
    frame = tf.slice(image, tf.concat([offset, [0]], axis=0), [224, 224, 3])
    frame = tf.cond(draws[3] < 0.5, lambda: tf.reverse(frame, [1]), lambda: frame)
    return frame / 127.5 - 1.0


def copies_of(paths, folder):
    """Makes the copies that --cache keeps.

    Returns:
      list of str, their paths.
    """
    cache = Cache(folder, AUGMENTATION)
    pairs = [cache.files_of(path) for path in paths]
    with tf.Graph().as_default(), tf.Session() as session:
        files = tf.placeholder(tf.string, [2])
        contents = cache.read(files)
        for pair in pairs:
            session.run(contents.op, {files: pair})
    return [copy for _, copy in pairs]


def seconds_of(paths, make_frame, count):
    """Seconds of `count` images through tf.data, as the trainer reads them."""
    draws = np.random.RandomState(1).rand(len(paths), 4).astype(np.float32)

    def load(path, draw):
        return make_frame(tf.io.read_file(path), draw)

    with tf.Graph().as_default(), tf.Session() as session:
        examples = tf.data.Dataset.from_tensor_slices((paths, draws)).repeat()
        frames = examples.map(load, num_parallel_calls=tf.data.experimental.AUTOTUNE)
        batch = tf.data.make_one_shot_iterator(frames.batch(32).prefetch(2)).get_next()
        for _ in range(4):
            session.run(batch)
        start = time.perf_counter()
        for _ in range(count // 32):
            session.run(batch)
        return time.perf_counter() - start


def measure(images=1600, turns=5):
    """Times the three ways.

    Args:
      images: int, images a turn.
      turns: int.

    Returns:
      list of turns.Row; on TensorFlow 2 with a promise.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = write_images(folder, 64)
        copies = copies_of(paths, os.path.join(folder, "copies"))
        tasks = {
            "resize first": lambda: seconds_of(paths, resize_first, images),
            "crop first": lambda: seconds_of(paths, crop_first, images),
            "crop first from copies": lambda: seconds_of(copies, crop_first, images),
        }
        seconds = take_turns(tasks, turns, warm_up=0)
    where = f"{images} JPEGs of 1024 x 768"
    least = None if TENSORFLOW_VERSION.startswith("1.") else 1.8
    return [
        compare(seconds, "resize first", "crop first", where, least=least),
        compare(seconds, "resize first", "crop first from copies", where, least=least),
    ]


def main():
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1600, help="a turn [default 1600]")
    parser.add_argument("--turns", type=int, default=5)
    print(*lines_of(measure(**vars(parser.parse_args()))), sep="\n")


if __name__ == "__main__":
    main()

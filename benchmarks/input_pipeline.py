"""Training frames from 1024-pixel JPEGs: crop first, with and without copies, and resize first.

python -m benchmarks.input_pipeline
"""

import argparse
import os
import statistics
import tempfile
import time

import numpy as np
from PIL import Image, ImageChops
from sklearn.datasets import load_sample_images

from data import augment
from data.cache import Cache
from utils.tf1 import tf

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


def milliseconds(paths, make_frame, count):
    """Runs `count` images through tf.data as the trainer does.

    Returns:
      float, milliseconds an image; float, milliseconds of processor time an image.
    """
    draws = np.random.RandomState(1).rand(len(paths), 4).astype(np.float32)

    def load(path, draw):
        return make_frame(tf.io.read_file(path), draw)

    with tf.Graph().as_default(), tf.Session() as session:
        examples = tf.data.Dataset.from_tensor_slices((paths, draws)).repeat()
        frames = examples.map(load, num_parallel_calls=tf.data.experimental.AUTOTUNE)
        batch = tf.data.make_one_shot_iterator(frames.batch(32).prefetch(2)).get_next()
        for _ in range(4):
            session.run(batch)
        start = np.array([time.perf_counter(), time.process_time()])
        for _ in range(count // 32):
            session.run(batch)
        taken = [time.perf_counter(), time.process_time()] - start
        return 1000 * taken / (count // 32 * 32)


def main():
    """Measures the three ways in turn and prints how much faster than resize first they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1600, help="a turn [default 1600]")
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        paths = write_images(folder, 64)
        copies = copies_of(paths, os.path.join(folder, "copies"))
        for name, files in (("a file", paths), ("a copy", copies)):
            kilobytes = sum(map(os.path.getsize, files)) / len(files) / 1024
            print(f"1024 x 768 pixels, {kilobytes:.0f} KB {name}")
        for _ in range(args.turns):
            ways = ((paths, resize_first), (paths, crop_first), (copies, crop_first))
            turns.append([milliseconds(files, way, args.images) for files, way in ways])
            print("resize first {:.2f} ms, crop first {:.2f}, from copies {:.2f}".format(
                *(wall for wall, _ in turns[-1])
            ))  # fmt: skip
    for way, name in ((1, "crop first"), (2, "from copies")):
        for kind, clock in ((0, "time"), (1, "processor time")):
            ratios = [turn[0][kind] / turn[way][kind] for turn in turns]
            spread = f"{min(ratios):.2f} - {max(ratios):.2f}"
            print(f"{name}, {clock}: {statistics.median(ratios):.2f} times faster ({spread})")


if __name__ == "__main__":
    main()

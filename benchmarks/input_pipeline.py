"""Images a second of the crop-first pipeline against decode, resize, crop on 1024-pixel JPEGs.

python -m benchmarks.input_pipeline
"""

import argparse
import os
import statistics
import tempfile
import time

import numpy as np
from PIL import Image

from data import augment
from utils.tf1 import tf

AUGMENTATION = augment.Augmentation("img", 224, 350, 512, 256, True, "inception")


def write_images(folder, count, side=1024):
    """Writes JPEGs of about the detail of photographs and returns their paths."""
    rng = np.random.RandomState(0)
    paths = []
    for i in range(count):
        small = Image.fromarray(rng.randint(0, 256, (96, 128, 3)).astype(np.uint8))
        paths.append(os.path.join(folder, f"{i}.jpg"))
        small.resize((side, side * 3 // 4), Image.BICUBIC).save(paths[-1], quality=90)
    return paths


def crop_first(contents, position):
    """The pipeline's own frame."""
    return augment.training_frame(contents, AUGMENTATION, 0, position, np.int64(0))


def resize_first(contents, position):
    """The same frame made the plain way: decode all, resize all, crop, flip."""
    draws = tf.random.stateless_uniform([4], seed=tf.stack([np.int64(0), position]))
    image = tf.image.decode_jpeg(contents, channels=3)
    shape = tf.shape(image)[:2]
    side = 350 + tf.cast(draws[0] * 163, tf.int32)
    resized = shape * side // tf.reduce_min(shape)
    image = tf.image.resize_bilinear(image[tf.newaxis], resized)[0]
    offset = tf.cast(draws[1:3] * tf.cast(resized - 223, tf.float32), tf.int32)
    frame = tf.slice(image, tf.concat([offset, [0]], axis=0), [224, 224, 3])
    frame = tf.cond(draws[3] < 0.5, lambda: frame[:, ::-1], lambda: frame)
    return augment.normalise(frame, AUGMENTATION.normalisation)


def images_per_second(paths, make_frame, count):
    """Runs `count` images through tf.data as the trainer does."""

    def load(path, position):
        return make_frame(tf.io.read_file(path), position)

    with tf.Graph().as_default(), tf.Session() as session:
        files = tf.data.Dataset.from_tensor_slices(paths).repeat()
        examples = tf.data.Dataset.zip((files, tf.data.Dataset.range(2**40)))
        frames = examples.map(load, num_parallel_calls=tf.data.experimental.AUTOTUNE)
        batch = tf.data.make_one_shot_iterator(frames.batch(32).prefetch(2)).get_next()
        for _ in range(4):
            session.run(tf.shape(batch))
        start = time.perf_counter()
        for _ in range(count // 32):
            session.run(tf.shape(batch))
        return count / (time.perf_counter() - start)


def main():
    """Measures both ways in turn and prints the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1600, help="a turn [default 1600]")
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        paths = write_images(folder, 64)
        for _ in range(args.turns):
            slow = images_per_second(paths, resize_first, args.images)
            fast = images_per_second(paths, crop_first, args.images)
            ratios.append(fast / slow)
            print(
                f"crop first {fast:.0f} images/s, resize first {slow:.0f}, ratio {fast / slow:.2f}"
            )
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})")


if __name__ == "__main__":
    main()

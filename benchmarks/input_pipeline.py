"""Images per second of the crop-first pipeline and of decode, resize, crop, on 1024-pixel JPEGs.

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


def images_per_second(paths, make_frame, count):
    """Runs `count` images through tf.data as the trainer does."""
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
        kilobytes = sum(map(os.path.getsize, paths)) / len(paths) / 1024
        print(f"1024 x 768 pixels, {kilobytes:.0f} KB a file")
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

"""Copies of large training images, resized once, so that later passes decode fewer pixels."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import threading
import time

import numpy as np

from data import augment, image_header, orientation
from data.pipeline import check_file
from utils.errors import UserError
from utils.tf1 import tf

QUALITY = 95  # of the copies, which are JPEGs
_SAMPLED = 32


class Cache:
    """A folder with copies of images at the largest size that training resizes them to.

    Frames are cut from the copy of a large image even when it has just been made, or can't be
    kept, so they don't depend on what the folder holds. A copy belongs to the path, size and time
    of change of its image and to its own size, so a changed image gets a new one.
    """

    def __init__(self, folder, augmentation):
        """Takes the folder, which is created, and the data.augment.Augmentation of training.

        Raises:
          UserError: the folder can't be written.
        """
        self.folder = os.path.abspath(os.path.expanduser(folder))
        is_square = augmentation.style == "batch"
        self.side = augmentation.resize_square if is_square else augmentation.resize_max
        self._training, self._largest = augmentation, augmentation._replace(resize_min=self.side)
        self._copies = os.path.join(self.folder, f"{augmentation.style}{self.side}")
        self._is_full, self._lock = False, threading.Lock()
        try:
            os.makedirs(self._copies, exist_ok=True)
            _write(os.path.join(self._copies, "writable"), b"")
            os.remove(os.path.join(self._copies, "writable"))
        except OSError as error:
            raise UserError(
                f"--cache {folder} can't be written: {error.strerror}; choose another folder, or"
                " leave --cache out"
            ) from None

    def files_of(self, path):
        """The file to read for an image, str, and the place of its copy, str.

        Raises:
          OSError: there is no such image.
        """
        found = os.stat(path)
        identity = json.dumps([os.path.abspath(path), found.st_size, found.st_mtime_ns])
        key = hashlib.sha256(identity.encode("ascii")).hexdigest()[:32]
        copy = os.path.join(self._copies, key[:2], f"{key}.jpg")
        return (copy if _is_whole(copy) else path), copy

    def read(self, files):
        """The contents to cut frames from.

        Args:
          files: string [2], see `files_of`.

        Returns:
          string [], the encoded image, or the copy of a large one, which is kept.
        """
        contents = tf.io.read_file(files[0])
        is_large = tf.reduce_min(image_header.shape_of(contents)) > self.side

        def make_and_keep():
            copy = self.copy_of(contents)
            with tf.control_dependencies([tf.numpy_function(self._keep, [files[1], copy], [])]):
                return tf.identity(copy)

        return tf.cond(is_large, make_and_keep, lambda: contents)

    def copy_of(self, contents):
        """The JPEG, string [], of a large image, upright and resized as for a frame."""
        is_small_enough = image_header.pixels_of(contents) <= self._largest.max_pixels
        contents = tf.where(is_small_enough, contents, "")  # which is an error
        decoded = augment.decode(contents)
        pixels = tf.cond(
            tf.image.is_jpeg(contents),
            lambda: orientation.upright(decoded, orientation.turn_of(contents)),
            lambda: decoded,
        )
        size = augment.STYLES[self._largest.style](tf.shape(pixels)[:2], self._largest, 0.0)
        resized = tf.image.resize_bilinear(pixels[tf.newaxis], size)[0]
        return tf.image.encode_jpeg(tf.cast(tf.round(resized), tf.uint8), quality=QUALITY)

    def _keep(self, path, copy):
        """Writes a copy; from the first failure on, such as a full disk, copies are not kept."""
        if self._is_full:
            return
        try:
            _write(os.fsdecode(path), copy)
        except OSError as error:
            with self._lock:
                is_known, self._is_full = self._is_full, True
            if is_known:  # another thread has just found out
                return
            logging.getLogger("two_head").warning(
                "--cache %s can't be written (%s): the run goes on, and resizes the images that"
                " have no copy there each time", self.folder, error.strerror,
            )  # fmt: skip

    def size(self):
        """How many copies of this size the folder holds, int, and their bytes, int."""
        sizes = []
        for place, _, names in os.walk(self._copies):
            sizes += [os.path.getsize(os.path.join(place, n)) for n in names if n.endswith(".jpg")]
        return len(sizes), sum(sizes)

    def estimate(self, image_list):
        """Tries a few images: what the copies of a list will cost and gain.

        Args:
          image_list: data.lists.ImageList.

        Returns:
          str, one line.
        """
        num_images = len(image_list.files)
        rows = np.linspace(0, num_images - 1, min(num_images, _SAMPLED)).astype(int)
        costs = self._costs([os.path.join(image_list.folder, image_list.files[i]) for i in rows])
        what = f"--cache {self.folder}: about {len(costs) / len(rows):.0%} of {num_images} images"
        what += f" are larger than {self.side} pixels"
        if not costs:
            return what
        size, make, original, copy = np.median(costs, axis=0)
        needed = size * num_images * len(costs) / len(rows)
        free = shutil.disk_usage(self.folder).free + self.size()[1]
        return (
            f"{what}; their copies (JPEG, quality {QUALITY}) take about {needed / 1e6:,.0f} MB of"
            f" {free / 1e6:,.0f} MB there, and {1000 * make:.1f} ms each to make; a frame then"
            f" takes {1000 * copy:.1f} ms instead of {1000 * original:.1f} ms"
        )

    def _costs(self, paths):
        """Bytes of the copy, and seconds to make it, to cut a frame from the image, from the copy.

        One row for each large image.
        """
        costs = []
        with tf.Graph().as_default(), tf.Session() as session:
            contents = tf.placeholder(tf.string, [])
            is_large = tf.reduce_min(image_header.shape_of(contents)) > self.side
            copy = self.copy_of(contents)
            frame = augment.training_frame(contents, self._training, tf.fill([4], 0.5))

            def timed(fetched, given):
                start = time.perf_counter()
                found = session.run(fetched, {contents: given})
                return found, time.perf_counter() - start

            for path in paths:
                with contextlib.suppress(OSError, tf.errors.OpError):  # training will name it
                    check_file(path)
                    with open(path, "rb") as file:
                        image = file.read()
                    if timed(is_large, image)[0]:
                        made, seconds = timed(copy, image)
                        frames = [timed(frame, given)[1] for given in (image, made)]
                        costs.append((len(made), seconds, *frames))
        return costs


def _is_whole(path):
    """Whether there is a JPEG up to its last two bytes."""
    try:
        with open(path, "rb") as file:
            file.seek(-2, os.SEEK_END)
            return file.read() == b"\xff\xd9"
    except OSError:
        return False


def _write(path, contents):
    """Writes a file that other threads and processes see whole or not at all."""
    part = f"{path}.{os.getpid()}-{threading.get_ident()}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        with open(part, "wb") as file:
            file.write(contents)
        os.replace(part, path)
    except OSError:
        if os.path.exists(part):
            os.remove(part)
        raise

"""The tf.data pipelines: batches of (images, labels) for training and for evaluation."""

import errno
import logging
import os
import stat
import time

import numpy as np

from data import augment, image_header
from data.sampling import FRAMES, random_state, uniform
from utils.errors import reason_of
from utils.tf1 import tf

MAX_BYTES = 256 * 2**20
# What may pass on a network file system, and how often and when it is tried again, in seconds.
_PASSING = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.ENOTCONN, errno.EBUSY)
PAUSES = (1, 5)


def training_batches(
    image_list,
    batch_at,
    batch_size,
    augmentation,
    seed,
    first_batch,
    parallel_calls=0,
    rows=None,
    cache=None,
    bad_images=None,
):
    """An endless stream of training batches, each determined by its position.

    Args:
      image_list: data.lists.ImageList.
      batch_at: function from a batch's position to int64 [B] list positions, see `data.sampling`.
      batch_size: int, B.
      augmentation: data.augment.Augmentation.
      seed: int.
      first_batch: int64 [] tensor or int, position of the first batch.
      parallel_calls: int, images decoded in parallel; 0 lets tf.data choose.
      rows: int [b], the rows of each batch that are read; default all.
      cache: data.cache.Cache for copies of large images; None for none.
      bad_images: data.bad_images.BadImages that replaces some images; None to fail at them.

    Returns:
      tf.data.Dataset of float32 [b, F, F, 3] and int32 [b].
    """
    rows = np.arange(batch_size) if rows is None else rows

    def draw(batch):
        draws = frame_draws(augmentation.style, batch_size, seed, batch)
        chosen = batch_at(batch)[rows]
        return bad_images.replace(chosen) if bad_images else chosen, draws[rows]

    def make_frame(contents, draws):
        return augment.training_frame(contents, augmentation, draws)

    batches = tf.data.Dataset.range(first_batch, np.iinfo(np.int64).max)
    frames = _frames(image_list, batches, draw, make_frame, parallel_calls, cache)
    return frames.batch(len(rows), drop_remainder=True).prefetch(2)


def frame_draws(style, batch_size, seed, batch):
    """The random draws of a batch.

    Args:
      style: str, a key of `augment.STYLES`.
      batch_size: int, B.
      seed: int.
      batch: int, the batch's position.

    Returns:
      float32 [B, 4], uniform in [0, 1), see `augment.DRAWS`.
    """
    draws = uniform(random_state(seed, FRAMES, batch), [batch_size, len(augment.DRAWS)])
    shared = [name in augment.SHARED_DRAWS[style] for name in augment.DRAWS]
    return np.where(shared, draws[:1], draws)


def evaluation_batches(image_list, batch_size, augmentation, parallel_calls=0, share=None):
    """Each image once, in list order; the last batch may be smaller.

    Args:
      image_list: data.lists.ImageList.
      batch_size: int, B.
      augmentation: data.augment.Augmentation.
      parallel_calls: int, images decoded in parallel; 0 lets tf.data choose.
      share: (i, N), to read the i-th of N equal parts of each batch, the last of which repeats
        the last image until it is full.

    Returns:
      tf.data.Dataset of float32 [<= B, F, F, 3] and int32 [<= B], or [B / N, ...] with a share.
    """
    num_images = len(image_list.files)

    def draw(batch):
        chosen = np.arange(batch * batch_size, (batch + 1) * batch_size)
        if share is None:
            chosen = chosen[chosen < num_images]
        else:
            index, number = share
            chosen = np.minimum(chosen, num_images - 1).reshape([number, -1])[index]
        return chosen, np.zeros([len(chosen), len(augment.DRAWS)], np.float32)

    def make_frame(contents, draws):
        del draws
        return augment.evaluation_frame(contents, augmentation)

    batches = tf.data.Dataset.range(-(-num_images // batch_size))
    frames = _frames(image_list, batches, draw, make_frame, parallel_calls)
    if share is not None:
        return frames.batch(batch_size // share[1], drop_remainder=True).prefetch(2)
    return frames.batch(batch_size).prefetch(2)


def _frames(image_list, batches, draw, make_frame, parallel_calls, cache=None):
    """A dataset of single frames and labels.

    Args:
      image_list: data.lists.ImageList; kept in Python, as it may have millions of rows.
      batches: tf.data.Dataset of int64 [], positions of batches.
      draw: function from a position to int64 [b] list positions and float32 [b, 4] draws.
      make_frame: function from string [] and float32 [4] to float32 [F, F, 3].
      parallel_calls: int, images decoded in parallel; 0 lets tf.data choose.
      cache: data.cache.Cache or None.

    Returns:
      tf.data.Dataset of float32 [F, F, 3] and int32 [].
    """

    def look_up(batch):
        chosen, draws = draw(batch)
        paths = [os.path.join(image_list.folder, image_list.files[i]) for i in chosen]
        for path in paths:
            check_file(path)
        files = [cache.files_of(path) if cache else (path,) for path in paths]
        names = np.array([[os.fsencode(name) for name in row] for row in files], dtype=object)
        return names, image_list.labels[chosen].astype(np.int32), draws

    def draw_batch(batch):
        columns = tf.numpy_function(look_up, [batch], [tf.string, tf.int32, tf.float32])
        for column, width in zip(columns, ([2 if cache else 1], [], [len(augment.DRAWS)])):
            column.set_shape([None] + width)
        return tuple(columns)

    def load(names, label, draws):
        contents = cache.read(names) if cache else tf.io.read_file(names[0])
        return make_frame(contents, draws), label

    parallel_calls = parallel_calls or tf.data.experimental.AUTOTUNE
    as_is = tf.autograph.experimental.do_not_convert  # converting takes a second
    batches = batches.map(as_is(draw_batch)).unbatch()
    return batches.map(as_is(load), num_parallel_calls=parallel_calls)


def check_file(path):
    """Refuses files that could block their reader forever or fill the memory.

    Raises:
      OSError: there is no such regular file, or it is larger than `MAX_BYTES`.
    """
    found = stat_of(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    if found.st_size > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_BYTES >> 20} MB", path)


def stat_of(path):
    """The os.stat_result of a file; errors that may pass are tried again after `PAUSES`.

    Raises:
      OSError: there is no such file, or it can't be reached.
    """
    for seconds in PAUSES:
        try:
            return os.stat(path)
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            logging.getLogger("two_head").warning(
                "%s can't be read (%s): trying again in %d s", path, error.strerror, seconds
            )
            time.sleep(seconds)
    return os.stat(path)


class Decoder:
    """Decodes whole images in a session of its own, from any thread."""

    def __init__(self, augmentation):
        """Takes the data.augment.Augmentation, whose frames the images are for."""
        self._max_pixels = augmentation.max_pixels
        config = tf.ConfigProto(device_count={"GPU": 0}, use_per_session_threads=True)
        with tf.Graph().as_default() as graph:
            self._path = tf.placeholder(tf.string, [])
            contents = tf.io.read_file(self._path)
            self._pixels = image_header.pixels_of(contents)
            self._steps = (
                augment.decode(contents).op,
                augment.evaluation_frame(contents, augmentation).op,
            )
        self._session = tf.Session(graph=graph, config=config)

    def reason_against(self, path):
        """Why an image can't be read or decoded, str; None if it can."""
        given = {self._path: os.fsencode(path)}
        try:
            check_file(path)
            if self._session.run(self._pixels, given) > self._max_pixels:
                return f"it has more than {self._max_pixels / 10**6:g} megapixels"
            for step in self._steps:
                self._session.run(step, given)
        except (OSError, tf.errors.OpError) as error:
            return reason_of(error)
        return None

    def close(self):
        """Ends the session."""
        self._session.close()


def first_unreadable(paths, augmentation):
    """The first image that can't be decoded.

    Args:
      paths: iterable of str.
      augmentation: data.augment.Augmentation.

    Returns:
      (path, reason) or None.
    """
    decoder = Decoder(augmentation)
    try:
        found = ((path, decoder.reason_against(path)) for path in paths)
        return next((pair for pair in found if pair[1] is not None), None)
    finally:
        decoder.close()

"""Training images that can't be read or decoded, and the images that take their places."""

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from data.lists import ImageList
from data.pipeline import Decoder, stat_of
from utils.errors import MachineError, UserError

_AT_ONCE = 1024  # images whose results are waited for together


class BadImages:
    """Finds the bad images of a list; its methods may be called from several threads.

    An image is decoded in full before it is first used, and again when its size or time of change
    is another. So what takes whose place depends on the files alone, not on the random crops.

    Attributes:
      reasons: dict from list position to str, why the image is bad; of those found so far.
      num_replaced: int, how often another image was used instead.
    """

    def __init__(self, image_list, augmentation):
        """Takes a data.lists.ImageList and the data.augment.Augmentation of training."""
        self.reasons, self.num_replaced = {}, 0
        self._list, self._augmentation = image_list, augmentation
        self._identities = np.full([len(image_list.files), 2], -2)
        self._lock, self._pool = threading.Lock(), ThreadPoolExecutor(os.cpu_count())
        self._decoder = None

    def replace(self, chosen):
        """Puts the next readable image of its class in the place of each bad image.

        Args:
          chosen: int64 [n], list positions.

        Returns:
          int64 [n].

        Raises:
          UserError: a class has no readable image.
          MachineError: the image folder is gone.
        """
        with self._lock:
            self._look_at(np.unique(chosen))
            used = np.array([self._readable_from(position) for position in chosen])
            self.num_replaced += np.count_nonzero(used != chosen)
            return used

    def others(self):
        """The data.lists.ImageList without its bad images, after a look at every image."""
        number = len(self._list.files)
        with self._lock:
            for start in range(0, number, _AT_ONCE):
                self._look_at(range(start, min(start + _AT_ONCE, number)))
            kept = [i for i in range(number) if i not in self.reasons]
        files = [self._list.files[i] for i in kept]
        return ImageList(self._list.folder, files, self._list.labels[kept])

    def _readable_from(self, position):
        if position not in self.reasons:
            return position
        of_class = np.flatnonzero(self._list.labels == self._list.labels[position])
        for other in np.roll(of_class, -np.searchsorted(of_class, position))[1:]:
            self._look_at([other])
            if other not in self.reasons:
                return other
        raise UserError(
            f"all {len(of_class)} training images of the class of {self._path(position)} are bad"
            f" (this one: {self.reasons[position]}); python -m datasets_lists check finds all such"
            " files"
        )

    def _look_at(self, positions):
        """Decodes the images that are new or have changed."""
        changed = [position for position in positions if self._has_changed(position)]
        if self._decoder is None:
            self._decoder = Decoder(self._augmentation)
        paths = map(self._path, changed)
        for position, reason in zip(changed, self._pool.map(self._decoder.reason_against, paths)):
            if reason is None:
                self.reasons.pop(position, None)
                continue
            if position not in self.reasons:
                logging.getLogger("two_head").warning(
                    "%s is a bad image (%s), which --on_bad_image skip leaves out",
                    self._path(position), reason,
                )  # fmt: skip
            self.reasons[position] = reason

    def _has_changed(self, position):
        try:
            found = stat_of(self._path(position))
            identity = (found.st_size, found.st_mtime_ns)
        except OSError:
            if not os.path.isdir(self._list.folder):
                raise MachineError(
                    f"the image folder {self._list.folder} is gone; restore or mount it, and run"
                    " the same command again"
                ) from None
            identity = (-1, -1)
        is_new = tuple(self._identities[position]) != identity
        self._identities[position] = identity
        return is_new

    def _path(self, position):
        return os.path.join(self._list.folder, self._list.files[position])

"""Ends a process of a run on several machines if another one dies."""

import contextlib
import os
import socket
import sys
import threading
import time

from config.cluster import host_and_port
from training.meeting import name_of
from utils.tf1 import tf

_PAUSE = 0.5  # seconds between two looks at a process that has not answered yet
_INTERVAL = 5.0  # seconds between two looks at any other
_MISSES = 3  # looks in a row without an answer, after which it counts as dead


class Watch:
    """A context that ends this process if another one dies, as TensorFlow would wait forever.

    The chief looks at every process, the others look at the chief: whether something listens at
    the address, as TensorFlow's server does.
    """

    def __init__(self, cluster, timeout, clean_up):
        """Takes the Cluster, the seconds for a first answer, and a function to call before the end.

        Without a cluster it does nothing.
        """
        self._cluster, self._timeout, self._clean_up = cluster, timeout, clean_up
        self._ended = threading.Event()

    def __enter__(self):
        """Starts to watch."""
        if self._cluster is not None:
            ranks = range(1, len(self._cluster.addresses)) if self._cluster.is_chief else [0]
            for rank in ranks:
                threading.Thread(target=self._watch, args=[rank], daemon=True).start()
        return self

    def __exit__(self, kind, error, trace):
        """Stops watching; after an error of TensorFlow's, only if no other process has died."""
        del kind, trace
        is_watching = self._cluster is not None and not self._ended.is_set()
        if is_watching and isinstance(error, tf.errors.OpError):
            time.sleep(3 * _MISSES * _INTERVAL)
        self._ended.set()

    def _watch(self, rank):
        address, deadline = self._cluster.addresses[rank], time.monotonic() + self._timeout
        while not _answers(address) and time.monotonic() < deadline:
            if self._ended.wait(_PAUSE):
                return
        misses = 0
        while misses < _MISSES:
            if self._ended.wait(_INTERVAL):
                return
            misses = 0 if _answers(address) else misses + 1
        self._end(rank)

    def _end(self, rank):
        with contextlib.suppress(OSError):
            self._clean_up()
        sys.stderr.write(
            f"\nmain.py: {name_of(self._cluster, rank)} no longer answers, so this process ends"
            " too; run the same command again on every machine to resume\n"
        )
        sys.stderr.flush()
        os._exit(1)  # the main thread may be waiting inside TensorFlow


def _answers(address):
    try:
        with socket.create_connection(host_and_port(address), _INTERVAL):
            return True
    except OSError:
        return False

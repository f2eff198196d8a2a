"""Batches and random draws as a pure function of (seed, step): nothing to store, nothing to lose.

Both samplers draw from pseudo-random permutations that can be evaluated at any position, so a
batch costs the same at every step and for lists of any length.
"""

import numpy as np

_ROUNDS = 32
_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio


def _mix(x):
    """The finaliser of SplitMix64 (Steele et al., OOPSLA 2014), uint64 -> uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def random_key(*numbers):
    """Hashes integers or integer arrays (broadcast) to uint64, at least one-dimensional."""
    key = np.zeros(1, np.uint64)
    for number in numbers:
        key = _mix(key + _STEP + np.asarray(number).astype(np.uint64))
    return key


def uniform(*numbers):
    """Uniform float32 in [0, 1) of 24 random bits each, keyed by `numbers` as in `random_key`."""
    return (random_key(*numbers) >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def permute(positions, sizes, keys):
    """Values at `positions` of the pseudo-random permutation of range(size) that `key` selects.

    A swap-or-not shuffle (Hoang, Morris, Rogaway, CRYPTO 2012): each round pairs every value with
    another one and swaps a random half of the pairs. All arguments broadcast.

    Args:
      positions: int [...], 0 <= position < size.
      sizes: int [...], > 0.
      keys: uint64 [...], see `random_key`.

    Returns:
      int64 [...], 0 <= value < size.
    """
    positions, sizes, keys = np.broadcast_arrays(positions, sizes, keys)
    values, sizes = positions.astype(np.uint64), sizes.astype(np.uint64)
    round_keys = random_key(keys[..., np.newaxis], np.arange(_ROUNDS))
    for key in np.moveaxis(round_keys, -1, 0):
        partners = (key % sizes + sizes - values) % sizes
        swapped = _mix(key + _STEP * np.maximum(values, partners)) >> np.uint64(63)
        values = np.where(swapped, partners, values)
    return values.astype(np.int64)


def shuffle(labels, batch_size, images_per_class, seed):
    """Sampler of shuffled images: each pass over the list is a new permutation of it.

    A batch that reaches the end of a pass goes on in the next one, as in the first release.

    Args:
      labels: int [N], class indices; only their number is used.
      batch_size: int, B.
      images_per_class: not used; the samplers of `SAMPLERS` share one signature.
      seed: int.

    Returns:
      Function from a step (int, from 0) to int64 [B] list positions.
    """
    del images_per_class
    num_images = len(labels)

    def batch_at(step):
        drawn = int(step) * batch_size + np.arange(batch_size)
        passes, positions = np.divmod(drawn, num_images)
        return permute(positions, num_images, random_key(seed, passes))

    return batch_at


def pk(labels, batch_size, images_per_class, seed):
    """Sampler of P classes with K images each (Hermans et al., arXiv:1703.07737).

    A pass takes the classes in a new order and drops the remainder that fills no batch. The K
    images of a class are drawn without repetition; a class with fewer than K is repeated just as
    often as needed, so each of its images is equally likely.

    Args:
      labels: int [N], class indices 0 .. C-1, each at least once.
      batch_size: int, B = P * K with P <= C.
      images_per_class: int, K.
      seed: int.

    Returns:
      Function from a step (int, from 0) to int64 [B] list positions, the K of a class together.

    Raises:
      ValueError: B is not a multiple of K, or P is larger than C.
    """
    classes_per_batch, remainder = divmod(batch_size, images_per_class)
    by_class = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    if remainder or classes_per_batch > len(sizes):
        raise ValueError(
            f"batches of {batch_size} with {images_per_class} images a class need"
            f" {batch_size / images_per_class:g} classes of {len(sizes)}"
        )
    starts = np.cumsum(sizes) - sizes
    batches_per_pass = len(sizes) // classes_per_batch
    copies = np.arange(images_per_class)

    def batch_at(step):
        number, batch = divmod(int(step), batches_per_pass)
        positions = batch * classes_per_batch + np.arange(classes_per_batch)
        classes = permute(positions, len(sizes), random_key(seed, 0, number))[:, np.newaxis]
        repeats = -(-images_per_class // sizes[classes])
        drawn = permute(copies, repeats * sizes[classes], random_key(seed, 1, int(step), classes))
        return by_class[starts[classes] + drawn % sizes[classes]].ravel()

    return batch_at


SAMPLERS = {"shuffle": shuffle, "pk": pk}

"""Batches and random draws as a pure function of (seed, step), with no state to save.

They use NumPy's legacy generator, whose numbers are the same in every version.
"""

import functools

import numpy as np

# A permutation of at most this many images takes next to no time.
_MANY = 4096

# Streams of one seed, so that none repeats another's numbers.
ORDER, IMAGES, FRAMES = range(3)


def random_state(seed, stream, number):
    """The numpy.random.RandomState of one pass, step or batch; arguments below 2**32."""
    return np.random.RandomState([seed, stream, int(number)])


def uniform(random, shape):
    """Uniform float32 in [0, 1) from 24 random bits each, so none is rounded up to 1."""
    return np.floor(random.uniform(size=shape) * 2**24).astype(np.float32) / np.float32(2**24)


def distinct(random, size, count):
    """Draws without replacement; each result in each order is equally likely.

    The first integers of a permutation, which is made only as far as needed if it would be long.

    Args:
      random: numpy.random.RandomState.
      size: int, N.
      count: int, at most N.

    Returns:
      int64 [count], distinct integers in [0, N).
    """
    if size <= _MANY:
        return random.permutation(size)[:count]
    drawn, moved = [], {}  # Fisher and Yates' shuffle of a list that is never built
    for place in range(count):
        other = int(random.randint(place, size, dtype=np.int64))
        drawn.append(moved.get(other, other))
        moved[other] = moved.get(place, place)
    return np.array(drawn, np.int64)


def _order_of_pass(seed, size):
    """A function from a pass to a permutation of range(size), cached per pass."""

    @functools.lru_cache(maxsize=2)  # a batch can span two passes
    def order(number):
        return random_state(seed, ORDER, number).permutation(size)

    return order


def shuffle(labels, batch_size, images_per_class, seed):
    """Sampler of shuffled images: each pass over the list is a new permutation of it.

    A batch that reaches the end of a pass continues in the next one, as in the first release.

    Args:
      labels: int [N], class indices; only N is used.
      batch_size: int, B.
      images_per_class: not used; the samplers of `SAMPLERS` share one signature.
      seed: int, 0 .. 2**32 - 1.

    Returns:
      Function from a step (int, from 0) to int64 [B] list positions.
    """
    del images_per_class
    order = _order_of_pass(seed, len(labels))

    def batch_at(step):
        drawn = range(int(step) * batch_size, (int(step) + 1) * batch_size)
        return np.array([order(i // len(labels))[i % len(labels)] for i in drawn])

    return batch_at


def pk(labels, batch_size, images_per_class, seed):
    """Sampler of P classes with K images each (Hermans et al., arXiv:1703.07737).

    Each pass goes through the classes in a new order and drops the last, incomplete batch. The K
    images of a class are drawn without replacement; a class with fewer than K images is repeated as
    often as needed, so each of its images is equally likely.

    Args:
      labels: int [N], class indices 0 .. C-1, each at least once.
      batch_size: int, B = P * K with P <= C.
      images_per_class: int, K.
      seed: int, 0 .. 2**32 - 1.

    Returns:
      Function from a step (int, from 0) to int64 [B] list positions, the K of a class together.

    Raises:
      ValueError: B is not a multiple of K, or P is larger than C.
    """
    classes_per_batch, remainder = divmod(batch_size, images_per_class)
    sizes = np.bincount(labels)
    if remainder or classes_per_batch > len(sizes):
        raise ValueError(
            f"batches of {batch_size} with {images_per_class} images per class need"
            f" {batch_size / images_per_class:g} classes of {len(sizes)}"
        )
    of_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])
    batches_per_pass = len(sizes) // classes_per_batch
    order = _order_of_pass(seed, len(sizes))

    def draw(random, images):
        repeats = -(-images_per_class // len(images))
        drawn = distinct(random, repeats * len(images), images_per_class)
        return images[drawn % len(images)]

    def batch_at(step):
        number, batch = divmod(int(step), batches_per_pass)
        classes = order(number)[batch * classes_per_batch :][:classes_per_batch]
        random = random_state(seed, IMAGES, step)
        return np.concatenate([draw(random, of_class[c]) for c in classes])

    return batch_at


SAMPLERS = {"shuffle": shuffle, "pk": pk}

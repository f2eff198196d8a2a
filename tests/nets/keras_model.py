"""A random model of keras.applications: python keras_model.py NAME SIZE OUT [ALPHA].

A process of its own, because the tests' TensorFlow is in graph mode. Writes OUT.h5 (weights by
layer name), OUT.keras (the whole model) and OUT.npz with images and the logarithms of their
probabilities.
"""

import os
import sys

import numpy as np


def randomised(name, value, rng):
    """Random biases, scales and statistics, which are 0 and 1 in a new model; the same kernels."""
    if "kernel" in name:
        return value
    if "gamma" in name or "moving_variance" in name:
        return rng.uniform(0.5, 1.5, value.shape)
    return 0.1 * rng.standard_normal(value.shape)


def import_keras():
    try:
        import tf_keras as keras
    except ImportError:  # TensorFlow 1.15, which would optimise the graph anew for each variable
        import tensorflow as tf
        from tensorflow import keras

        config = tf.ConfigProto()
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        keras.backend.set_session(tf.Session(config=config))
    return keras


def main(name, size, out, alpha=None):
    keras = import_keras()
    options = {} if alpha is None else {"alpha": float(alpha)}
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(int(size), int(size), 3), classes=7, **options
    )
    rng = np.random.RandomState(0)
    names = [weight.name.rsplit("/", 1)[-1] for weight in model.weights]
    model.set_weights([randomised(n, v, rng) for n, v in zip(names, model.get_weights())])
    images = rng.uniform(-1, 1, (2, int(size), int(size), 3)).astype(np.float32)
    probabilities = model.predict(images, verbose=0)
    model.save_weights(out + ".h5")
    model.save(out + ".keras")
    np.savez(out + ".npz", images=images, log_probabilities=np.log(probabilities))


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    main(*sys.argv[1:])

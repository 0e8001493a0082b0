"""Small networks that tell two classes of points of the plane apart."""

import keras
import numpy as np
from sklearn import datasets

from dlgn_tf.splines import keras_layers

DATA = ("moons", "circles")
ACTIVATIONS = {
    "relu": keras.layers.ReLU,
    "leaky": lambda: keras.layers.LeakyReLU(0.125),
    "abs": lambda: keras.layers.Activation(keras.ops.abs),
}
EXTENT = 2.5


def points(name, seed, count=400):
    """Points of mean 0 and standard deviation 1, with labels 0 and 1.

    Of one of `DATA`: arrays `(count, 2)` and `(count,)`.
    """
    if name == "moons":
        x, labels = datasets.make_moons(count, noise=0.12, random_state=seed)
    else:
        x, labels = datasets.make_circles(
            count, noise=0.08, factor=0.45, random_state=seed
        )
    return (x - x.mean(axis=0)) / x.std(axis=0), labels


def fit(x, labels, activation, seed, widths=(8, 8), steps=400):
    """Trains a fully connected network, all points at every step.

    Of points `(count, 2)` and their classes; the activation is a key of
    `ACTIVATIONS`, and initial weights follow from the seed.

    Returns:
        Functional `keras.Model` with one logit.
    """

    def dense(units):
        initial = keras.initializers.GlorotUniform(int(rng.integers(2**31)))
        return keras.layers.Dense(units, kernel_initializer=initial)

    rng = np.random.default_rng(seed)
    inputs = keras.Input((2,))
    h = inputs
    for width in widths:
        h = ACTIVATIONS[activation]()(dense(width)(h))
    network = keras.Model(inputs, dense(1)(h))
    network.compile(
        keras.optimizers.Adam(0.02),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    # One epoch of many steps: each epoch has a cost of its own.
    network.fit(
        np.tile(x, (steps, 1)),
        np.tile(labels, steps),
        len(x),
        shuffle=False,
        verbose=0,
    )
    return network


def hidden_layers(network):
    """The hidden layers of such a network, a `MASO` each."""
    dense = [x for x in network.layers if isinstance(x, keras.layers.Dense)]
    following = {id(layer.input): layer for layer in network.layers[1:]}
    return [
        keras_layers.maso_of_layers(
            [layer, following[id(layer.output)]], layer.input.shape[1:]
        )
        for layer in dense[:-1]
    ]


def selections(masos, x, beta=1.0):
    """What each `MASO` selects as points `(points, inputs)` go through all.

    Returns:
        List of arrays `(points, units, regions)`.
    """
    found, h = [], np.asarray(x, "float64")
    for maso in masos:
        found.append(maso.select(h, beta))
        h = maso(h, beta)
    return found

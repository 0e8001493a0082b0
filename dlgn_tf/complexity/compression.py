"""Deep compression: magnitude pruning, retraining, shared weights.

Source: Han, Mao and Dally (arXiv 1510.00149), with the settings that the
complexity paper (arXiv 2006.15920) states in its experiment 5. No library that
does it runs on Keras 3, hence these few lines.
"""

import dataclasses

import keras
import numpy as np
from keras import ops
from sklearn.cluster import KMeans


@dataclasses.dataclass(frozen=True)
class Compression:
    """How a network is compressed.

    Attributes:
        sensitivity: > 0. Weights below so many standard deviations of their
            layer's weights go (assumed; the paper says "sensitivity").
        rounds: How often the network is pruned and retrained; the paper has
            300 iterations.
        epochs: Of retraining after each round (assumed: the paper has 20, and
            it is not clear of which loop).
        last_epochs: Of retraining after the last round; the paper has 100.
        convolution_bits: A convolution has 2 to the power of it different
            weights, and zero.
        dense_bits: The same of a dense layer.
    """

    sensitivity: float = 1.0
    rounds: int = 3
    epochs: int = 2
    last_epochs: int = 2
    convolution_bits: int = 8
    dense_bits: int = 5


class ZeroOutside(keras.constraints.Constraint):
    """Keeps weights that were pruned at zero, whatever their gradient.

    Args:
        mask: Boolean array of the weight's shape, true where it stays.
    """

    def __init__(self, mask):
        self.mask = np.asarray(mask, bool)

    def __call__(self, weight):
        return weight * ops.cast(self.mask, weight.dtype)


def kernels(network):
    """Those of convolutions and dense layers, from input to output.

    Args:
        network: Functional `keras.Model`.

    Yields:
        `(layer, kernel)`, the kernel as an array.
    """
    for layer in network.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            yield layer, ops.convert_to_numpy(layer.kernel)


def prune(network, sensitivity):
    """Sets small weights to zero, in place, and has them stay there.

    The threshold of a layer is `sensitivity` times the standard deviation of
    all its weights, zeros included.

    Returns:
        Share of the weights that are zero, a float.
    """
    for layer, kernel in kernels(network):
        mask = np.abs(kernel) >= sensitivity * kernel.std(dtype="float64")
        mask &= kernel != 0
        layer.kernel.assign(kernel * mask)
        layer.kernel.constraint = ZeroOutside(mask)
    return share_of_zeros(network)


def share_of_zeros(network):
    """Of the weights of all convolutions and dense layers, a float."""
    weights = np.concatenate([k.ravel() for _, k in kernels(network)])
    return float(np.mean(weights == 0))


def different_weights(network):
    """How many different weights each layer has, zero not counted: a dict."""
    return {
        layer.name: len(np.unique(kernel[kernel != 0]))
        for layer, kernel in kernels(network)
    }


def shared(kernel, count):
    """A kernel whose nonzero weights are the nearest of `count` centroids.

    The centroids are those of k-means in one dimension, which starts with
    centroids at equal distances from the smallest to the largest weight.
    """
    kept = kernel != 0
    weights = kernel[kept].astype("float64")
    if len(np.unique(weights)) <= count:
        return kernel
    start = np.linspace(weights.min(), weights.max(), count)
    means = KMeans(count, init=start[:, None], n_init=1).fit(weights[:, None])
    result = kernel.copy()
    result[kept] = means.cluster_centers_[means.labels_, 0]
    # Zero means "pruned": no centroid may be mistaken for it.
    tiny = np.finfo(kernel.dtype).tiny
    result[kept] = np.where(result[kept] == 0, tiny, result[kept])
    return result


def compress(network, retrain, settings):
    """Prunes and retrains in rounds, then shares weights, all in place.

    Args:
        network: Functional `keras.Model`.
        retrain: Function of a number of epochs that trains the network, with
            its constraints.
        settings: `Compression`.
    """
    for _ in range(settings.rounds):
        prune(network, settings.sensitivity)
        retrain(settings.epochs)
    retrain(settings.last_epochs)
    for layer, kernel in kernels(network):
        dense = isinstance(layer, keras.layers.Dense)
        bits = settings.dense_bits if dense else settings.convolution_bits
        layer.kernel.assign(shared(kernel, 2**bits))

"""What the networks of the Rainbow paper share: standardisation, first weights.

Source: "A Rainbow in Deep Network Black Boxes" (arXiv 2305.18512), its authors'
code: PyTorch's defaults.
"""

import keras

from dlgn_tf.layers import BatchNorm


def standardize(h, name):
    """Standardises every channel: batch normalisation with nothing learned."""
    return BatchNorm(
        momentum=0.9, epsilon=1e-5, center=False, scale=False, name=f"{name}_bn"
    )(h)


def uniform_weights():
    """Uniform weights of variance 1 / (3 inputs), as PyTorch draws them.

    Not Gaussian one by one, but a sum over inputs makes white noise of them.
    """
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")

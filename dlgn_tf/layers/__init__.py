"""Keras layers of gated networks, one a file."""

from dlgn_tf.layers.apodized_convolution import Apodized
from dlgn_tf.layers.apodized_convolution import ApodizedConv2D
from dlgn_tf.layers.apodized_convolution import ApodizedOrthogonalConv2D
from dlgn_tf.layers.batch_norm import BatchNorm
from dlgn_tf.layers.beta_vq import BetaVQ
from dlgn_tf.layers.beta_vq_pooling import BetaVQPooling
from dlgn_tf.layers.circular_padding import CircularPadding
from dlgn_tf.layers.complex_modulus import ComplexModulus
from dlgn_tf.layers.gate import Gate
from dlgn_tf.layers.grayscale import Grayscale
from dlgn_tf.layers.locally_connected import LocallyConnected
from dlgn_tf.layers.morlet_filters import MorletFilters
from dlgn_tf.layers.orthogonal import OrthogonalConv2D
from dlgn_tf.layers.orthogonal import OrthogonalDense
from dlgn_tf.layers.orthogonal import OrthogonalKernel
from dlgn_tf.layers.per_image_standardization import PerImageStandardization
from dlgn_tf.layers.pixel_normalization import PixelNormalization
from dlgn_tf.layers.pooled_relu_convolution import PooledReLUConvolution
from dlgn_tf.layers.subsample_and_pad import SubsampleAndPad

__all__ = [
    "Apodized",
    "ApodizedConv2D",
    "ApodizedOrthogonalConv2D",
    "BatchNorm",
    "BetaVQ",
    "BetaVQPooling",
    "CircularPadding",
    "ComplexModulus",
    "Gate",
    "Grayscale",
    "OrthogonalConv2D",
    "OrthogonalDense",
    "OrthogonalKernel",
    "PerImageStandardization",
    "LocallyConnected",
    "MorletFilters",
    "PixelNormalization",
    "PooledReLUConvolution",
    "SubsampleAndPad",
]

"""Keras layers of gated networks, one a file."""

from dlgn_tf.layers.batch_norm import BatchNorm
from dlgn_tf.layers.circular_padding import CircularPadding
from dlgn_tf.layers.gate import Gate
from dlgn_tf.layers.locally_connected import LocallyConnected
from dlgn_tf.layers.pixel_normalization import PixelNormalization
from dlgn_tf.layers.pooled_relu_convolution import PooledReLUConvolution
from dlgn_tf.layers.subsample_and_pad import SubsampleAndPad

__all__ = [
    "BatchNorm",
    "CircularPadding",
    "Gate",
    "LocallyConnected",
    "PixelNormalization",
    "PooledReLUConvolution",
    "SubsampleAndPad",
]

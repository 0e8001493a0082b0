"""Convolution, ReLU and global average pooling of many networks at once."""

import keras
from keras import ops

from dlgn_tf.layers.arguments import positive_integer

# Positions whose gates are computed at a time: those of a batch of 32 then
# stay in a processor's cache (measured: a fifth less time than all at once).
_BLOCK = 256


@keras.saving.register_keras_serializable(package="dlgn_tf")
class PooledReLUConvolution(keras.layers.Layer):
    """The pooled ReLUs of one convolution for each of several members.

    Each member computes what `Conv2D(filters, kernel_size, padding="same")`,
    a ReLU and `GlobalAveragePooling2D` compute with weights of its own. All
    members see the same images, so the patches are cut out once.

    In training it is computed by way of the gates. With patches x_p (a 1 put
    at the end for the bias) and weights w of a filter, relu(q) = 1{q > 0} q
    gives

        mean_p relu(w . x_p) = w . m,   m = mean_p 1{w . x_p > 0} x_p,

    and m is also the derivative with respect to w, as gates pass no gradient.
    So two matrix products a member are the whole step, forward and backward,
    and nothing as large as the activations is kept in between: memory traffic
    is what the three stock layers spend their time on. This is the neural path
    feature of a network with one layer (DLGN paper, arXiv 2110.03403, section
    2), used to compute. In evaluation the ReLUs are averaged as they are,
    which is half the work.

    Weights start at zero; whoever makes the layer gives each member its own.

    Args:
        members: Integer >= 1.
        filters: Integer >= 1. Filters of each member.
        kernel_size: Integer >= 1. Side of each filter.

    Call arguments:
        images: Floating tensor `(batch, height, width, channels)`; all but
            the batch known in advance.
        training: Boolean. Which of the two ways; the results are equal but
            for rounding.

    Returns:
        Tensor `(batch, members, filters)`.

    Raises:
        ValueError: if an argument is no integer >= 1.
    """

    def __init__(self, members, filters, kernel_size, **kwargs):
        super().__init__(**kwargs)
        self.members = positive_integer("members", members)
        self.filters = positive_integer("filters", filters)
        self.kernel_size = positive_integer("kernel_size", kernel_size)

    def build(self, input_shape):
        side, channels = self.kernel_size, input_shape[-1]
        self.kernel = self.add_weight(
            shape=(self.members, side, side, channels, self.filters),
            initializer="zeros",
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.members, self.filters),
            initializer="zeros",
            name="bias",
        )

    def call(self, images, training=None):
        patches = self._patches(images)
        if training:
            blocks = _blocks(patches)
            pooled = [
                _pooled_by_gates(blocks, weights) for weights in self._weights()
            ]
        else:
            pooled = [
                ops.mean(ops.relu(_products(patches, weights)), axis=1)
                for weights in self._weights()
            ]
        return ops.stack(pooled, axis=1)

    def preactivations(self, images):
        """Inputs of each member's ReLUs, `(batch, height, width, filters)`."""
        patches = self._patches(ops.cast(images, self.compute_dtype))
        shape = (-1, *images.shape[1:3], self.filters)
        return [
            ops.reshape(_products(patches, weights), shape)
            for weights in self._weights()
        ]

    def _patches(self, images):
        """`(batch, positions, patch size + 1)`, the last one being 1."""
        _, height, width, channels = images.shape
        side = self.kernel_size
        before = (side - 1) // 2
        margin = (before, side - 1 - before)
        padded = ops.pad(images, ((0, 0), margin, margin, (0, 0)))
        shifted = [
            padded[:, row : row + height, column : column + width]
            for row in range(side)
            for column in range(side)
        ]
        ones = ops.ones_like(images[..., :1])
        size = side * side * channels + 1
        return ops.reshape(
            ops.concatenate([*shifted, ones], axis=-1),
            (-1, height * width, size),
        )

    def _weights(self):
        """Kernel and bias of each member: `(patch size + 1, filters)`."""
        shape = (self.members, -1, self.filters)
        kernels = ops.reshape(ops.convert_to_tensor(self.kernel), shape)
        biases = ops.reshape(ops.convert_to_tensor(self.bias), shape)
        return ops.unstack(ops.concatenate([kernels, biases], axis=1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.members, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "members": self.members,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
        }


def _products(patches, weights):
    """`(batch, positions, filters)`, as one product of two matrices."""
    positions, size = patches.shape[1:]
    products = ops.matmul(ops.reshape(patches, (-1, size)), weights)
    return ops.reshape(products, (-1, positions, weights.shape[-1]))


def _blocks(patches):
    """Pairs: patches of some positions, and their transposed share of a mean.

    The second is `(batch, patch size + 1, positions)`.
    """
    count = patches.shape[1]
    shares = ops.transpose(patches / count, (0, 2, 1))
    return [
        (
            patches[:, first : first + _BLOCK],
            shares[:, :, first : first + _BLOCK],
        )
        for first in range(0, count, _BLOCK)
    ]


def _pooled_by_gates(blocks, weights):
    """`(batch, filters)`."""
    features = 0.0
    for patches, shares in blocks:
        gates = ops.cast(_products(patches, weights) > 0, patches.dtype)
        features = features + ops.matmul(shares, gates)
    return ops.sum(features * weights, axis=1)

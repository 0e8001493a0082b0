"""What is read off Keras layers, beside what the layers compute."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from dlgn_tf.errors import UserError
from dlgn_tf.layers import (
    ApodizedConv2D,
    ApodizedOrthogonalConv2D,
    BatchNorm,
    BetaVQ,
    BetaVQPooling,
    CircularPadding,
    OrthogonalConv2D,
    OrthogonalDense,
    SubsampleAndPad,
)
from dlgn_tf.splines import maso_of_layers


def bounded_below(z):
    return ops.maximum(z, -0.5)


IMAGE, SERIES, VOLUME = (5, 4, 4), (7, 4), (3, 4, 3, 2)
CONVOLUTIONS = [
    (make, shape, options)
    for make, shape, more in (
        (layers.Conv1D, SERIES, [{"padding": "causal"}]),
        (layers.Conv2D, IMAGE, [{"groups": 2}]),
        (layers.Conv3D, VOLUME, []),
        (layers.Conv2DTranspose, IMAGE, [{"output_padding": 0, "strides": 2}]),
        (layers.Conv1DTranspose, SERIES, []),
        (layers.SeparableConv2D, IMAGE, [{"depth_multiplier": 2}]),
    )
    for options in (
        {},
        {"padding": "same"},
        {"padding": "same", "strides": 2},
        {"dilation_rate": 1 if "Transpose" in make.__name__ else 2},
        {"use_bias": False},
        {"activation": "relu"},
        {"activation": "leaky_relu", "padding": "same"},
        *more,
    )
]
POOLS = [
    (make, shape, {"pool_size": 2, **options, **place})
    for make, shape in (
        (layers.MaxPooling1D, SERIES),
        (layers.MaxPooling2D, IMAGE),
        (layers.AveragePooling1D, SERIES),
        (layers.AveragePooling2D, IMAGE),
    )
    for options in ({}, {"strides": 1}, {"padding": "same", "strides": 3})
    for place in ({}, {"data_format": "channels_first"})
]
OTHERS = [
    (layers.GlobalMaxPooling2D, IMAGE, {}),
    (layers.GlobalMaxPooling2D, IMAGE, {"data_format": "channels_first"}),
    (layers.GlobalAveragePooling2D, IMAGE, {"keepdims": True}),
    (layers.DepthwiseConv2D, IMAGE, {"kernel_size": 2, "depth_multiplier": 3}),
    (layers.DepthwiseConv2D, IMAGE, {"kernel_size": 2, "dilation_rate": 2}),
    (layers.DepthwiseConv1D, SERIES, {"kernel_size": 3, "padding": "same"}),
    (layers.Dense, (4, 2), {"units": 3}),
    (layers.Dense, (5,), {"units": 3, "activation": ops.abs}),
    (layers.EinsumDense, SERIES, {"equation": "nab,bc->nac",
                                  "output_shape": (None, 3)}),
    (layers.BatchNormalization, IMAGE, {"axis": 1}),
    (layers.BatchNormalization, IMAGE, {"scale": False, "center": False}),
    (BatchNorm, IMAGE, {}),
    (layers.Rescaling, IMAGE, {"scale": 0.5, "offset": -1.0}),
    (layers.Normalization, IMAGE, {"mean": 0.3, "variance": 2.0}),
    (layers.ZeroPadding2D, IMAGE, {"padding": ((1, 0), (0, 2))}),
    (layers.Cropping2D, IMAGE, {"cropping": 1}),
    (layers.UpSampling2D, IMAGE, {"size": 2}),
    (layers.Permute, IMAGE, {"dims": (3, 1, 2)}),
    (layers.Reshape, IMAGE, {"target_shape": (-1, 8)}),
    (layers.Dropout, IMAGE, {"rate": 0.5}),
    (layers.PReLU, IMAGE, {"shared_axes": [1, 2]}),
    (layers.PReLU, IMAGE, {}),
    (layers.ReLU, IMAGE, {"negative_slope": 0.5}),
    (layers.LeakyReLU, IMAGE, {"negative_slope": 1.0}),
    (layers.Activation, IMAGE, {"activation": "leaky_relu"}),
    (layers.Activation, IMAGE, {"activation": bounded_below}),
    # Channel pooling, as maxout has it.
    (layers.Lambda, IMAGE, {"function": lambda x: ops.max(x, axis=-1)}),
    (OrthogonalDense, (5,), {"units": 4}),
    (OrthogonalConv2D, IMAGE, {"filters": 4, "kernel_size": 3}),
    (ApodizedConv2D, IMAGE, {"filters": 4, "kernel_size": 3}),
    (ApodizedOrthogonalConv2D, IMAGE, {"filters": 4, "kernel_size": 3,
                                       "padding": "same"}),
    (CircularPadding, IMAGE, {"kernel_size": 3}),
    (SubsampleAndPad, IMAGE, {"filters": 8}),
    (BetaVQ, IMAGE, {"kind": "leaky", "beta": 0.7}),
    (BetaVQ, IMAGE, {"kind": "abs", "beta": 1.0}),
    (BetaVQ, IMAGE, {"beta": 0.0}),
    (BetaVQPooling, IMAGE, {"pool_size": 3, "strides": 2, "padding": "same"}),
]  # fmt: skip


def chained(chain, shape):
    inputs = outputs = keras.Input(shape)
    for layer in chain:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def draw(network, rng):
    """New weights in place; those that must not be negative are not."""
    for variable in network.weights:
        if variable.name in ("kernel", "bias", "beta", "moving_mean", "u"):
            variable.assign(rng.normal(size=variable.shape))
        elif "seed" not in variable.path:
            variable.assign(rng.uniform(0.1, 0.9, size=variable.shape))


def difference(found, network, rng):
    """max |MASO - layers| at points of several sizes, by these sizes."""
    x = rng.normal(size=(12, found.inputs)) * 10.0 ** np.arange(-4, 8)[:, None]
    x = x.astype("float32")
    native = network(x.reshape(-1, *network.input_shape[1:]))
    native = np.asarray(native, "float64").reshape(len(x), -1)
    sizes = 1 + np.abs(native).max(axis=1, keepdims=True)
    return float((np.abs(found(x) - native) / sizes).max())


def label(case):
    """The same in every process, as functions by their address are not."""
    make, _, options = case
    shown = {k: getattr(v, "__name__", v) for k, v in options.items()}
    return f"{make.__name__} {shown}"


@pytest.mark.parametrize("case", [*CONVOLUTIONS, *POOLS, *OTHERS], ids=label)
def test_every_option_of_a_layer_counts(case, rng):
    make, shape, options = case
    if "Conv" in make.__name__ and "kernel_size" not in options:
        size = {"kernel_size": 2, "filters": 4}
        options = {**size, **options}
    layer = make(**options)
    network = chained([layer], shape)
    draw(network, rng)
    config, weights = layer.get_config(), layer.get_weights()
    found = maso_of_layers([layer], shape)
    assert difference(found, network, rng) < 3e-6
    assert layer.get_config() == config
    for before, after in zip(weights, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def convolution(**options):
    return layers.Conv2D(3, 3, **options)


def average():
    """A convolution with weights >= 0."""
    return convolution(use_bias=False, kernel_initializer="ones")


BLOCKS = {
    "dense, batch norm, leaky ReLU": (
        [
            convolution(padding="same"),
            BatchNorm(),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(4, activation="leaky_relu"),
        ],
        2,
    ),
    # Four pixels, and one region that all have: 0.
    "ReLU, pool": ([convolution(), layers.ReLU(), layers.MaxPooling2D(2)], 5),
    "pool, ReLU": ([convolution(), layers.MaxPooling2D(2), layers.ReLU()], 5),
    "zero padding, as largecnn has it": (
        [
            layers.ZeroPadding2D(1),
            convolution(strides=2, activation="relu"),
            layers.ZeroPadding2D(1),
        ],
        2,
    ),
    "ReLU, average": (
        [convolution(), layers.ReLU(), layers.AveragePooling2D(2)],
        16,
    ),
    "PReLU, weights >= 0": ([layers.PReLU(), average()], None),
    "two poolings": ([layers.MaxPooling2D(2), layers.GlobalMaxPooling2D()], 16),
    "depthwise, ReLU, channels": (
        [
            layers.DepthwiseConv2D(2),
            layers.ReLU(),
            layers.Lambda(lambda x: ops.max(x, axis=-1)),
        ],
        3,
    ),
    "beta-VQ": ([convolution(), BetaVQ("leaky", 0.6, "per_channel")], 2),
    "beta-VQ on its way": (
        [convolution(), BetaVQ(), layers.ZeroPadding2D(1), layers.Flatten()],
        2,
    ),
    "beta-VQ pooling": (
        [convolution(), BetaVQPooling(2, beta_mode="per_channel")],
        4,
    ),
    # Zeros count as often as there are.
    "beta-VQ pooling of equals": (
        [layers.UpSampling2D(2), BetaVQPooling(2, beta=0.7)],
        4,
    ),
    "sparsemax pooling of equals": (
        [
            layers.UpSampling2D(2),
            BetaVQPooling(3, 1, beta=0.4, entropy="tsallis"),
            layers.Flatten(),
        ],
        None,
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks(name, rng):
    chain, regions = BLOCKS[name]
    shape = (5, 5, 2) if "weights" not in name else (3, 3, 1)
    network = chained(chain, shape)
    draw(network, rng)
    if "weights" in name:
        chain[-1].kernel.assign(rng.uniform(size=chain[-1].kernel.shape))
    found = maso_of_layers(chain, shape)
    assert difference(found, network, rng) < 3e-6
    if regions is not None:
        assert found.regions == regions


def block(join):
    """Two branches, joined: a plain one, and convolution with ReLU."""
    x = keras.Input((4, 4, 2))
    y = layers.ReLU()(layers.Conv2D(2, 3, padding="same")(x))
    return keras.Model(x, layers.AveragePooling2D(2)(join(x, y)))


@pytest.mark.parametrize(
    "join",
    [
        lambda x, y: layers.Add()([x, y]),
        lambda x, y: layers.Average()([x, y]),
        lambda x, y: layers.Maximum()([x, y]),
        lambda x, y: layers.Concatenate()([x, y]),
        lambda x, y: layers.Subtract()([y, x]),
        lambda x, y: ops.maximum(x + 2.0 * y, 0.5),
    ],
)
def test_skips(join, rng):
    network = block(join)
    draw(network, rng)
    found = maso_of_layers([network, layers.Flatten()], (4, 4, 2))
    assert difference(found, network, rng) < 3e-6


def test_sum_of_a_chain_of_skips(rng):
    """Two residual blocks whose second has weights >= 0."""
    x = keras.Input((3,))
    y = layers.Add()([x, layers.ReLU()(layers.Dense(3)(x))])
    last = layers.Dense(3, name="last")
    y = layers.Add()([y, layers.ReLU()(last(y))])
    network = keras.Model(x, y)
    draw(network, rng)
    last.kernel.assign(rng.uniform(size=(3, 3)))
    found = maso_of_layers([network], (3,))
    assert difference(found, network, rng) < 3e-6


@pytest.mark.parametrize(
    ("chain", "shape", "message"),
    [
        ([layers.ReLU(), layers.Dense(9)], (4,), "weight of -.* a Dense"),
        ([layers.ReLU(), layers.Activation(ops.abs)], (4,), "weight of -1"),
        ([layers.Dense(3, activation="tanh")], (4,), "neither: layer dense"),
        ([layers.Activation("softmax")], (4,), "neither"),
        ([layers.ReLU(max_value=6)], (4,), "neither: layer re_lu"),
        ([layers.ReLU(threshold=1e-6)], (4,), "neither"),
        ([layers.ReLU(max_value=1e9)], (4,), "neither"),
        ([layers.ReLU(negative_slope=1.5)], (1,), "smallest of affine maps"),
        ([layers.LeakyReLU(1.5)], (4,), "smallest of affine maps"),
        ([layers.PReLU("ones"), layers.PReLU(keras.initializers.Constant(2))],
         (4,), "smallest of affine maps"),
        ([layers.Dense(3, activation=lambda z: ops.minimum(z, 2 * z))], (4,),
         "smallest of affine maps: layer dense"),
        ([layers.LayerNormalization()], (4,), "LayerNormalization"),
        ([layers.Conv2D(3, 2, data_format="channels_first")], (2, 4, 4),
         "layers that compute here"),
        ([BetaVQ(), layers.Dense(2)], (4,), "after a soft choice"),
        ([layers.ReLU(), BetaVQ()], (4,), "between maxima"),
        ([layers.ReLU(), layers.GlobalAveragePooling2D()], (9, 9, 1),
         "at most 67,108,864 numbers.*2.4e.24 regions"),
    ],
)  # fmt: skip
def test_others_are_refused(chain, shape, message):
    chained(chain, shape)
    with pytest.raises(UserError, match=message):
        maso_of_layers(chain, shape)


def test_networks_that_are_refused():
    x = keras.Input((4,))
    twice = layers.Dense(4)
    nested = keras.Sequential([layers.ReLU()])
    for network, message in (
        (keras.Model(x, twice(twice(x))), "each used once"),
        (keras.Model(x, nested(layers.Dense(4)(x))), "are no networks"),
        (keras.Model(x, [x, layers.ReLU()(x)]), "one output.* a Functional"),
    ):
        with pytest.raises(UserError, match=message):
            maso_of_layers([network], (4,))


def test_layers_without_weights_yet_are_refused():
    with pytest.raises(UserError, match="built layers. Received: layer dense"):
        maso_of_layers([layers.Dense(3)], (4,))

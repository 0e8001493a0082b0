"""Which layers are affine in evaluation: every one that Keras has."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers

from dlgn_tf import layers as ours
from dlgn_tf.layers.affine import KNOWN, is_affine, is_homogeneous, keeps_lines

LINE, IMAGE, VOLUME = (8, 3), (8, 8, 3), (4, 4, 4, 3)
SIZE = {"height": 4, "width": 4}
SAMPLED = {"filters": 4, "kernel_size": 3}


def of_ranks(classes):
    """A table of classes that Keras has for signals, images and volumes."""
    return [
        (
            shape,
            {name.format(rank): options for name, options in classes.items()},
        )
        for rank, shape in enumerate((LINE, IMAGE, VOLUME), start=1)
    ]


# Tuples of a shape, or several, and the layers that are called on it.
AFFINE = (
    *of_ranks(
        {
            "AdaptiveAveragePooling{}D": {"output_size": 2},
            "AveragePooling{}D": {"pool_size": 2},
            "Conv{}D": SAMPLED,
            "Conv{}DTranspose": SAMPLED,
            "Cropping{}D": {},
            "GlobalAveragePooling{}D": {},
            "SpatialDropout{}D": {"rate": 0.5},
            "UpSampling{}D": {},
            "ZeroPadding{}D": {},
        }
    ),
    *of_ranks(
        {"DepthwiseConv{}D": {"kernel_size": 3}, "SeparableConv{}D": SAMPLED}
    )[:2],
    (LINE, {"Masking": {}, "SimpleRNN": {"units": 4, "activation": None}}),
    ((6,), {"RepeatVector": {"n": 3}, "Dense": {"units": 4}}),
    ((1,), {"TwoLogits": {"scale": 0.5}}),
    (
        [IMAGE, IMAGE],
        {"Add": {}, "Average": {}, "Concatenate": {}, "Subtract": {}},
    ),
    (
        IMAGE,
        {
            "Activation": {"activation": "linear"},
            "ActivityRegularization": {},
            "AlphaDropout": {"rate": 0.5},
            "AugMix": {},
            "BatchNormalization": {},
            "CenterCrop": SIZE,
            "CutMix": {},
            "Dropout": {"rate": 0.5},
            "EinsumDense": {
                "equation": "abcd,de->abce",
                "output_shape": (None, None, 4),
            },
            "Flatten": {},
            "GaussianDropout": {"rate": 0.5},
            "GaussianNoise": {"stddev": 1.0},
            "Identity": {},
            "Lambda": {"function": lambda x: 2 * x + 3},
            "MixUp": {},
            "Normalization": {"mean": 3.0, "variance": 4.0},
            "Permute": {"dims": (2, 1, 3)},
            "RandAugment": {},
            "RandomBrightness": {"factor": 0.2},
            "RandomColorDegeneration": {"factor": 0.2},
            "RandomColorJitter": {},
            "RandomContrast": {"factor": 0.2},
            "RandomCrop": SIZE,
            "RandomElasticTransform": {},
            "RandomErasing": {},
            "RandomFlip": {},
            "RandomGaussianBlur": {},
            "RandomGrayscale": {},
            "RandomHue": {"factor": 0.2},
            "RandomInvert": {},
            "RandomPerspective": {},
            "RandomPosterization": {"factor": 4},
            "RandomRotation": {"factor": 0.2},
            "RandomSaturation": {"factor": 0.2},
            "RandomSharpness": {"factor": 0.2},
            "RandomShear": {},
            "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
            "RandomZoom": {"height_factor": 0.2},
            "Rescaling": {"scale": 1 / 255, "offset": -0.5},
            "Reshape": {"target_shape": (-1,)},
            "Resizing": SIZE,
            "Solarization": {},
            "SpectralNormalization": {"layer": lambda: layers.Conv2D(4, 3)},
            "TimeDistributed": {"layer": lambda: layers.Dense(4)},
            # The package's own.
            "ApodizedConv2D": SAMPLED,
            "ApodizedOrthogonalConv2D": SAMPLED,
            "BatchNorm": {},
            "BetaVQ": {"beta": 0.0},
            "CircularPadding": {"kernel_size": 3},
            "Grayscale": {},
            "MorletFilters": {},
            "OrthogonalConv2D": SAMPLED,
            "OrthogonalDense": {"units": 4},
            "PixelNormalization": {"mean": 100.0, "std": 50.0},
            "SubsampleAndPad": {"filters": 6, "stride": 2},
        },
    ),
)
NOT_AFFINE = (
    *of_ranks(
        {
            "AdaptiveMaxPooling{}D": {"output_size": 2},
            "GlobalMaxPooling{}D": {},
            "MaxPooling{}D": {},
        }
    ),
    (
        LINE,
        {
            "Bidirectional": {"layer": lambda: layers.SimpleRNN(4)},
            "GRU": {"units": 4},
            "LSTM": {"units": 4},
        },
    ),
    ([IMAGE, IMAGE], {"Maximum": {}, "Minimum": {}, "Multiply": {}}),
    (
        [LINE, LINE],
        {"AdditiveAttention": {}, "Attention": {}, "Dot": {"axes": 2}},
    ),
    (
        IMAGE,
        {
            "AutoContrast": {},
            "Discretization": {"bin_boundaries": [0.0, 1.0]},
            "ELU": {},
            "GroupNormalization": {"groups": 1},
            "LayerNormalization": {},
            "LeakyReLU": {},
            "PReLU": {},
            "RMSNormalization": {},
            "ReLU": {},
            "Softmax": {},
            "UnitNormalization": {},
            # The package's own.
            "BetaVQ": {},
            "BetaVQPooling": {},
            "Gate": {},
            "PerImageStandardization": {},
            "PooledReLUConvolution": {"members": 2, **SAMPLED},
        },
    ),
)
# Of other inputs than images and features, or made of other layers, code and
# files.
LEFT_OUT = """
    CategoryEncoding ComplexModulus ComplexStandardization
    ContrastLimitedAdaptiveHistogramEqualization ConvLSTM1D ConvLSTM2D
    ConvLSTM3D Embedding Equalization FlaxLayer GRUCell GroupQueryAttention
    HashedCrossing Hashing InputLayer IntegerLookup JaxLayer LSTMCell Layer
    LocallyConnected MaxNumBoundingBoxes MelSpectrogram MultiHeadAttention
    Pipeline RNN ReversibleEmbedding STFTSpectrogram SimpleRNNCell SkipModulus
    StackedRNNCells StringLookup TFSMLayer TextVectorization TorchModuleWrapper
    Wrapper
""".split()


def found(name):
    return getattr(layers, name, None) or getattr(ours, name)


def cases(table):
    return [
        pytest.param(name, options, shape, id=name)
        for shape, classes in table
        for name, options in classes.items()
    ]


def called(layer, shape):
    """The layer, after a call on an input of a shape, or on several."""
    dtype = layer.compute_dtype
    several = isinstance(shape, list)
    inputs = [
        keras.Input(each, dtype=dtype)
        for each in (shape if several else [shape])
    ]
    layer(inputs if several else inputs[0])
    return layer


def made(name, options, shape):
    # TensorFlow pools volumes in float32 alone, on a CPU.
    dtype = "float32" if shape == VOLUME else "float64"
    # Made here: TensorFlow's devices are set once all tests are collected.
    options = {k: v() if k == "layer" else v for k, v in options.items()}
    layer = called(found(name)(**options, dtype=dtype), shape)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        if keras.backend.is_float_dtype(weight.dtype):
            weight.assign(rng.uniform(0.1, 1, weight.shape))
    return layer


@pytest.mark.parametrize("name,options,shape", cases(AFFINE))
def test_affine_in_evaluation(name, options, shape):
    layer = made(name, options, shape)
    # That it is known is no reason.
    assert keeps_lines(layer) and is_affine(layer)


@pytest.mark.parametrize("name,options,shape", cases(NOT_AFFINE))
def test_not_affine(name, options, shape):
    assert not is_affine(made(name, options, shape))


def test_every_layer_is_one_of_both():
    affine = {case.values[0] for case in cases(AFFINE)}
    # An input has nothing before it.
    assert {*KNOWN} <= {*map(found, affine), layers.InputLayer}
    named = affine | {case.values[0] for case in cases(NOT_AFFINE)}
    named = {found(name) for name in {*named, *LEFT_OUT}}
    unnamed = [
        name
        for name, each in {**vars(layers), **vars(ours)}.items()
        if inspect.isclass(each)
        and issubclass(each, layers.Layer)
        and each not in named
    ]
    # Base classes of the package's, and one that is what its function is.
    assert set(unnamed) <= {"OrthogonalKernel", "Apodized", "GraphOperation"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [-1e3, 0.0, 1e3])
def test_a_relu_is_found_however_shut_or_open_its_bias_keeps_it(bias, dtype):
    constant = keras.initializers.Constant(bias)
    options = {"activation": "relu", "bias_initializer": constant}
    layer = layers.Conv2D(2, 3, dtype=dtype, **options)
    assert not is_affine(called(layer, IMAGE))
    # Control: the same convolution without it.
    layer.activation = keras.activations.linear
    assert is_affine(layer)


@pytest.mark.parametrize(
    "activation",
    ["tanh", "sigmoid", "hard_sigmoid", "relu6", "gelu", "softplus"],
)
def test_activations_of_a_dense_layer_count(activation):
    assert not is_affine(called(layers.Dense(4, activation=activation), (6,)))


@pytest.mark.parametrize(
    "layer,homogeneous",
    [
        (lambda: layers.MaxPooling2D(2), True),
        (lambda: layers.MaxPooling2D(2, padding="same"), True),
        (lambda: layers.ReLU(), True),
        (lambda: layers.Conv2D(2, 3, bias_initializer="ones"), False),
        (lambda: layers.ReLU(max_value=1.0), False),
        (lambda: layers.LayerNormalization(), False),
        (lambda: layers.Activation("sigmoid"), False),
        (lambda: layers.Activation(keras.ops.square), False),
    ],
)
def test_homogeneous_in_evaluation(layer, homogeneous):
    assert is_homogeneous(called(layer(), IMAGE)) == homogeneous


def test_what_a_layer_computes_decides_and_not_its_class():
    layer = called(layers.PReLU(dtype="float64"), (6,))
    layer.alpha.assign(np.ones(6))
    assert is_affine(layer)
    layer.alpha.assign(np.full(6, 0.999))
    assert not is_affine(layer)


def test_integers_are_not_affine():
    x = keras.Input((4,), dtype="int32")
    layer = layers.Embedding(5, 3)
    layer(x)
    assert not is_affine(layer)

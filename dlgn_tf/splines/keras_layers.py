"""The MASO parameters of Keras layers."""

import keras
import numpy as np

from dlgn_tf.errors import UserError
from dlgn_tf.layers.batch_norm import scale_and_shift
from dlgn_tf.models.orthogonal import kernel_in_effect
from dlgn_tf.splines import parameters

_PASSING = (
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.InputLayer,
    keras.layers.Reshape,
)
# What keras.activations.leaky_relu takes unless told otherwise.
_LEAKY_SLOPE = 0.2


def maso_of_layers(layers, input_shape):
    """One operator that computes what layers do in evaluation mode.

    Example: `maso_of_layers([convolution, relu], (8, 8, 1))`, or a dense layer
    that has its activation inside.

    Args:
        layers: Built Keras layers in order: any affine ones (dense,
            convolution, batch normalisation, average pooling), and at the end
            at most one that is not (ReLU, leaky ReLU, absolute value,
            max-pooling).
        input_shape: Tuple without the batch dimension.

    Returns:
        `MASO`; its inputs and outputs are flattened.

    Raises:
        UserError: if a layer is of another kind, or comes after a nonlinearity.
    """
    shape = tuple(input_shape)
    found = parameters.dense(np.eye(int(np.prod(shape))))
    for layer in layers:
        for step in _steps(layer, shape):
            if found.regions > 1:
                raise UserError(
                    "Expected no layer after a nonlinearity: both are no "
                    "largest of affine maps any more. Received: layer "
                    f"{layer.name} after one"
                )
            activation = isinstance(step, tuple)
            found = (
                parameters.activated(found, step)
                if activation
                else step.after(found)
            )
        shape = tuple(layer.compute_output_shape((None, *shape))[1:])
    return found


def _steps(layer, shape):
    """What a layer does in turn: operators, and slopes of activations."""
    if isinstance(layer, _PASSING):
        return []
    if isinstance(layer, keras.layers.ReLU):
        return [_slopes_of_relu(layer)]
    if isinstance(layer, keras.layers.LeakyReLU):
        return [(float(layer.negative_slope), 1.0)]
    found = [] if isinstance(layer, keras.layers.Activation) else None
    if found is None:
        found = [_operator(layer, shape)]
    slopes = _slopes_of_function(layer, getattr(layer, "activation", None))
    return found if slopes is None else [*found, slopes]


def _operator(layer, shape):
    if isinstance(layer, keras.layers.Dense) and len(shape) == 1:
        return parameters.dense(_array(kernel_in_effect(layer)), _bias(layer))
    if isinstance(layer, keras.layers.Conv2D) and _is_plain(layer):
        return parameters.convolution(
            _array(kernel_in_effect(layer)),
            _bias(layer),
            shape,
            layer.strides,
            layer.padding,
        )
    if isinstance(layer, keras.layers.BatchNormalization):
        return _normalization(layer, shape)
    pool = _pool(layer)
    if pool is None:
        raise UserError(
            "Expected dense layers on vectors, plain convolutions, batch "
            "normalisation, pooling and piecewise linear activations. "
            f"Received: layer {layer.name}, a {type(layer).__name__} on "
            f"{shape}"
        )
    if isinstance(pool, str):
        return _POOLS[pool](shape, shape[:2])
    return _POOLS[pool[0]](shape, *pool[1:])


_POOLS = {"max": parameters.max_pool, "average": parameters.average_pool}


def _pool(layer):
    """Kind of pooling, with window, strides and padding unless global."""
    if isinstance(layer, keras.layers.GlobalMaxPooling2D):
        return "max"
    if isinstance(layer, keras.layers.GlobalAveragePooling2D):
        return "average"
    for kind, cls in (
        ("max", keras.layers.MaxPooling2D),
        ("average", keras.layers.AveragePooling2D),
    ):
        if isinstance(layer, cls):
            return kind, layer.pool_size, layer.strides, layer.padding
    return None


def _normalization(layer, shape):
    """Moving statistics, scale and shift, as a diagonal matrix."""
    scale, shift = scale_and_shift(layer)
    times = int(np.prod(shape)) // len(scale)
    diagonal = np.diag(np.tile(scale, times))
    return parameters.dense(diagonal, np.tile(shift, times))


def _is_plain(layer):
    return (
        layer.groups == 1
        and tuple(layer.dilation_rate) == (1, 1)
        and layer.data_format == "channels_last"
    )


def _slopes_of_relu(layer):
    if layer.max_value is not None or layer.threshold:
        raise UserError(
            "Expected a ReLU without upper bound and threshold. Received: "
            f"layer {layer.name}"
        )
    return float(layer.negative_slope), 1.0


def _slopes_of_function(layer, function):
    """Slopes of an activation function; None of none."""
    name = getattr(function, "__name__", None)
    if function is None or name == "linear":
        return None
    known = {
        "relu": parameters.slopes_of("relu"),
        "leaky_relu": parameters.slopes_of("leaky", _LEAKY_SLOPE),
        "abs": parameters.slopes_of("abs"),
        "absolute": parameters.slopes_of("abs"),
    }
    if name not in known:
        raise UserError(
            f"Expected an activation of {', '.join(known)}. Received: layer "
            f"{layer.name} with {name}"
        )
    return known[name]


def _bias(layer):
    return None if layer.bias is None else _array(layer.bias)


def _array(variable):
    return np.asarray(variable, "float64")

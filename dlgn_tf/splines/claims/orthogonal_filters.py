"""smaso.13 to smaso.15: matrices with orthogonal columns, in several ways."""

import keras
import numpy as np

from dlgn_tf import factorizations
from dlgn_tf.claims.check import by_figure
from dlgn_tf.claims.small_networks import relative_difference
from dlgn_tf.command import startup
from dlgn_tf.layers import OrthogonalConv2D, orthogonalization

tf = startup.tensorflow()

# Inputs and filters of the layers of largecnn that can be orthogonal.
LARGECNN = (
    (864, 96),
    (864, 192),
    (1728, 192),
    (192, 192),
    (192, 10),
    (192, 100),
)
SHAPES = ((60, 20), (24, 24), (7, 1))
# Of the loop's complex derivative.
_STEP = 1e-30
_METHODS = {
    "ours": orthogonalization.gram_schmidt,
    "Householder": orthogonalization.householder,
    "QR": lambda matrix: tf.linalg.qr(matrix)[0] * _signs(matrix),
}


def _signs(matrix):
    diagonal = tf.linalg.diag_part(tf.linalg.qr(matrix)[1])
    return tf.stop_gradient(tf.where(diagonal < 0, -1.0 + 0 * diagonal, 1.0))


def measure_gram_schmidt(rng):
    differences = {}
    for inputs, filters in SHAPES:
        matrix = conditioned(rng, inputs, filters)
        for name, method in _METHODS.items():
            label = f"{name} {filters}x{inputs}"
            differences[label] = method_difference(method, matrix, rng)
    differences["scales"] = scale_differences(rng)
    return {
        "relative difference": differences,
        "|Q Q' - I|": {
            f"{filters}x{inputs}": gram_error(
                orthogonalization.gram_schmidt, glorot(rng, inputs, filters)
            )
            for inputs, filters in LARGECNN
        },
        "filters in reverse order": reverse_difference(rng),
    }


def conditioned(rng, inputs, filters):
    """A matrix of singular values between 1 and 3."""
    u, _, v = factorizations.svd(rng.normal(size=(inputs, filters)))
    return u * rng.uniform(1, 3, size=filters) @ v


def glorot(rng, inputs, filters):
    """A float32 matrix as drawn for a layer; only its direction matters."""
    return rng.uniform(-1, 1, size=(inputs, filters)).astype("float32")


def loop(matrix):
    """The Gram-Schmidt process in NumPy, column by column, un-normalised."""
    found = []
    for column in matrix.T:
        left = column - sum(
            (column @ other) / (other @ other) * other for other in found
        )
        found.append(left)
    return np.stack(found, axis=1)


def method_difference(method, matrix, rng):
    """Of the loop's filters, normalised; see `_apart`."""
    direction = rng.normal(size=matrix.shape)
    weights = rng.normal(size=matrix.shape)
    moved = _unit(loop(matrix + 1j * _STEP * direction))
    variable = tf.Variable(matrix)
    with tf.GradientTape() as tape:
        q = method(variable)
        total = tf.reduce_sum(q * weights)
    gradient = tape.gradient(total, variable)
    return _apart(q, [gradient], [direction], moved, weights)


def _apart(filters, gradients, directions, moved, weights):
    """Filters from a loop's, in value and in the derivative along directions.

    Args:
        filters: Tensor.
        gradients: Of its sum with `weights`, in each variable.
        directions: Arrays of the shapes of these.
        moved: What the loop makes of a complex step of `_STEP` along them,
            which is exact to rounding.
        weights: Array of the shape of the filters.
    """
    along = sum(map(lambda g, d: np.sum(g * d), gradients, directions))
    slopes = moved.imag / _STEP * weights
    # Of one column there is little to turn: on the scale of its parts.
    apart = abs(along - slopes.sum()) / np.abs(slopes).sum()
    return [relative_difference(filters, moved.real), float(apart)]


def scale_differences(rng):
    """Residual, unit and gain of a layer from the loop's filters.

    In value, and in the derivative along a random direction in all weights.
    """
    raw = conditioned(rng, 3 * 3 * 2, 6)
    gain = rng.uniform(0.5, 2, size=6)
    return [scale_difference(scale, raw, gain, rng) for scale in _SCALED_LOOP]


def _unit(filters):
    return filters / np.sqrt(np.sum(filters**2, axis=0))


_SCALED_LOOP = {
    "residual": lambda raw, gain: loop(raw),
    "unit": lambda raw, gain: _unit(loop(raw)),
    "gain": lambda raw, gain: _unit(loop(raw)) * gain,
}


def scale_difference(scale, raw, gain, rng):
    """As `scale_differences`, of one of them."""
    layer = OrthogonalConv2D(6, 3, scale=scale, use_bias=False, dtype="float64")
    layer.build((None, 8, 8, 2))
    layer.raw_kernel.assign(raw.reshape(layer.raw_kernel.shape))
    if scale == "gain":
        layer.gain.assign(gain)
    weights, turn = rng.normal(size=(2, *raw.shape))
    stretch = rng.normal(size=gain.shape)
    variables = [variable.value for variable in layer.trainable_weights]
    with tf.GradientTape() as tape:
        kernel = tf.reshape(layer.kernel, raw.shape)
        total = tf.reduce_sum(kernel * weights)
    gradients = tape.gradient(total, variables)
    directions = (turn.reshape(layer.raw_kernel.shape), stretch)
    moved = _SCALED_LOOP[scale](
        raw + 1j * _STEP * turn, gain + 1j * _STEP * stretch
    )
    return _apart(kernel, gradients, directions, moved, weights)


def gram_error(method, matrix):
    """max |Q'Q - I|, the product itself in float64."""
    q = np.asarray(method(matrix), "float64")
    return float(np.abs(q.T @ q - np.eye(q.shape[1])).max())


def reverse_difference(rng):
    matrix = conditioned(rng, 60, 20)
    forward = np.asarray(orthogonalization.gram_schmidt(matrix))
    backward = orthogonalization.gram_schmidt(matrix[:, ::-1].copy())
    return relative_difference(np.asarray(backward)[:, ::-1], forward)


def measure_newton_schulz(rng):
    found = {}
    for inputs, filters in LARGECNN:
        matrix = glorot(rng, inputs, filters)
        q = np.asarray(orthogonalization.newton_schulz(matrix))
        u, _, v = factorizations.svd(matrix.astype("float64"))
        other = np.asarray(orthogonalization.gram_schmidt(matrix))
        found[f"{filters}x{inputs}"] = {
            "|Q Q' - I|": gram_error(lambda x: x, q),
            "from U V'": np.abs(q - u @ v).max(),
            "from Gram-Schmidt": np.abs(q - other).max(),
        }
    return by_figure(found)


def measure_overcomplete(rng):
    layers = {
        mode: overcomplete_layer(mode, rng)
        for mode in ("tight", "groups", "skip")
    }
    rows = {k: np.reshape(v.kernel, (27, 96)).T for k, v in layers.items()}
    plain = rows["skip"] / np.sqrt(np.mean(np.sum(rows["skip"] ** 2, axis=1)))
    skip = layers["skip"]
    return {
        "tight": frame_error(rows["tight"]),
        "groups": largest_cosine_of_groups(rows["groups"]),
        "skip": np.abs(skip.kernel - skip.raw_kernel).max(),
        "error raises": raises(rng),
        "plain filters": {
            "tight": frame_error(plain),
            "groups": largest_cosine_of_groups(plain),
        },
        "filters": "96 of 27 inputs",
    }


def overcomplete_layer(mode, rng):
    initial = keras.initializers.GlorotUniform(int(rng.integers(2**31)))
    layer = OrthogonalConv2D(
        96, 3, overcomplete=mode, scale="unit", kernel_initializer=initial
    )
    layer.build((None, 8, 8, 3))
    return layer


def frame_error(rows):
    """max |W'W - (K / D) I| of filters as rows."""
    filters, inputs = rows.shape
    return float(
        np.abs(rows.T @ rows - filters / inputs * np.eye(inputs)).max()
    )


def largest_cosine_of_groups(rows):
    """Within groups of filters, as few and as equal as possible."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    groups = np.array_split(unit, -(-rows.shape[0] // rows.shape[1]))
    return max(
        float(np.abs(group @ group.T - np.eye(len(group))).max())
        for group in groups
    )


def raises(rng):
    try:
        overcomplete_layer("error", rng)
    except ValueError:
        return True
    return False

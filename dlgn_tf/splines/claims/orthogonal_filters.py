"""smaso.13 to smaso.15: matrices with orthogonal columns, in several ways."""

import keras
import numpy as np

from dlgn_tf import factorizations
from dlgn_tf.claims.registry import Measurement
from dlgn_tf.claims.small_networks import relative_difference
from dlgn_tf.command import startup
from dlgn_tf.layers import OrthogonalConv2D
from dlgn_tf.layers import orthogonalization

tf = startup.tensorflow()

EXACT = 1e-12
ROUNDING = 2e-6
POLAR = 1e-6
OVERCOMPLETE = 1e-5
WRONG = 1e-2
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
    differences["scales"] = scales_difference(rng)
    orthogonality = {
        f"{filters}x{inputs}": gram_error(
            orthogonalization.gram_schmidt, glorot(rng, inputs, filters)
        )
        for inputs, filters in LARGECNN
    }
    reverse = reverse_difference(rng)
    worst, rounding = max(differences.values()), max(orthogonality.values())
    return Measurement(
        holds=worst <= EXACT and rounding <= ROUNDING and reverse > WRONG,
        measured=(
            f"max {worst:.1g} in float64 over {', '.join(_METHODS)} and "
            "three scales, value and gradient; |Q Q' - I| <= "
            f"{rounding:.1g} in float32 over {', '.join(orthogonality)}; "
            f"filters in reverse order {reverse:.2g}"
        ),
        values={
            "differences": differences,
            "orthogonality": orthogonality,
            "reverse": reverse,
        },
    )


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
    """From the loop, normalised, in value and in its derivative.

    The derivative along a random direction is that of a complex step in the
    loop, which is exact to rounding.
    """
    direction = rng.normal(size=matrix.shape)
    weights = rng.normal(size=matrix.shape)
    step = 1e-30
    moved = loop(matrix + 1j * step * direction)
    moved = moved / np.sqrt(np.sum(moved**2, axis=0))
    variable = tf.Variable(matrix)
    with tf.GradientTape() as tape:
        q = method(variable)
        total = tf.reduce_sum(q * weights)
    along = np.sum(tape.gradient(total, variable) * direction)
    expected = np.sum(moved.imag / step * weights)
    # Of one column there is little to turn: on the scale of its parts.
    scale = np.sum(np.abs(moved.imag / step * weights))
    return max(
        relative_difference(q, moved.real), float(abs(along - expected) / scale)
    )


def scales_difference(rng):
    """Residual, unit and gain of a layer from the loop's filters.

    In value, and in the derivative along a random direction in all weights.
    """
    raw = conditioned(rng, 3 * 3 * 2, 6)
    gain = rng.uniform(0.5, 2, size=6)
    return max(
        scale_difference(scale, raw, gain, rng) for scale in _SCALED_LOOP
    )


def _unit(filters):
    return filters / np.sqrt(np.sum(filters**2, axis=0))


_SCALED_LOOP = {
    "residual": lambda raw, gain: loop(raw),
    "unit": lambda raw, gain: _unit(loop(raw)),
    "gain": lambda raw, gain: _unit(loop(raw)) * gain,
}


def scale_difference(scale, raw, gain, rng):
    """As `scales_difference`, of one of them."""
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
    along = sum(map(lambda g, d: np.sum(g * d), gradients, directions))
    step = 1e-30
    moved = _SCALED_LOOP[scale](
        raw + 1j * step * turn, gain + 1j * step * stretch
    )
    slopes = moved.imag / step * weights
    apart = abs(along - slopes.sum()) / np.abs(slopes).sum()
    return max(relative_difference(kernel, moved.real), float(apart))


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
    found = {"orthogonality": {}, "from SVD": {}, "from Gram-Schmidt": {}}
    for inputs, filters in LARGECNN:
        matrix = glorot(rng, inputs, filters)
        label = f"{filters}x{inputs}"
        q = np.asarray(orthogonalization.newton_schulz(matrix))
        u, _, v = factorizations.svd(matrix.astype("float64"))
        other = np.asarray(orthogonalization.gram_schmidt(matrix))
        found["orthogonality"][label] = gram_error(lambda x: x, q)
        found["from SVD"][label] = float(np.abs(q - u @ v).max())
        found["from Gram-Schmidt"][label] = float(np.abs(q - other).max())
    polar = max(*_values(found, "orthogonality"), *_values(found, "from SVD"))
    apart = min(_values(found, "from Gram-Schmidt"))
    return Measurement(
        holds=polar <= POLAR and apart > WRONG,
        measured=(
            f"orthogonality {max(_values(found, 'orthogonality')):.1g}, from "
            f"U V' {max(_values(found, 'from SVD')):.1g}, from Gram-Schmidt >= "
            f"{apart:.2g} over {', '.join(found['from SVD'])}"
        ),
        values=found,
    )


def _values(found, name):
    return list(found[name].values())


def measure_overcomplete(rng):
    layers = {
        mode: overcomplete_layer(mode, rng)
        for mode in ("tight", "groups", "skip")
    }
    rows = {k: np.reshape(v.kernel, (27, 96)).T for k, v in layers.items()}
    errors = {
        "tight": frame_error(rows["tight"]),
        "groups": largest_cosine_of_groups(rows["groups"]),
        "skip": float(np.abs(layers["skip"].kernel - _raw(layers)).max()),
    }
    plain = rows["skip"] / np.sqrt(np.mean(np.sum(rows["skip"] ** 2, axis=1)))
    controls = {
        "frame": frame_error(plain),
        "groups": largest_cosine_of_groups(plain),
    }
    raised = raises(rng)
    shown = ", ".join(f"{mode} {x:.1g}" for mode, x in errors.items())
    return Measurement(
        holds=overcomplete_verdict(errors, controls, raised),
        measured=(
            f"96 filters of 27 inputs: {shown}, error "
            f"{'raises' if raised else 'does not raise'}; plain filters: frame "
            f"{controls['frame']:.2g}, groups {controls['groups']:.2g}"
        ),
        values={"errors": errors, "controls": controls, "raises": raised},
    )


def overcomplete_verdict(errors, controls, raised):
    """Whether the claim holds; see `measure_overcomplete`."""
    near = errors["tight"] <= OVERCOMPLETE and errors["groups"] <= OVERCOMPLETE
    far = all(x > 0.1 for x in controls.values())
    return near and errors["skip"] == 0 and far and raised


def overcomplete_layer(mode, rng):
    initial = keras.initializers.GlorotUniform(int(rng.integers(2**31)))
    layer = OrthogonalConv2D(
        96, 3, overcomplete=mode, scale="unit", kernel_initializer=initial
    )
    layer.build((None, 8, 8, 3))
    return layer


def _raw(layers):
    return layers["skip"].raw_kernel


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

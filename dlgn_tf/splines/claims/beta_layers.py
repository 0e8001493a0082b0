"""smaso.7 and smaso.8: beta-VQ layers of any beta, dtype and input."""

import itertools

import keras
import numpy as np

from dlgn_tf.claims.small_networks import relative_difference
from dlgn_tf.command import startup
from dlgn_tf.layers import BetaVQ, BetaVQPooling
from dlgn_tf.splines import parameters
from dlgn_tf.splines.claims.identities import modes
from dlgn_tf.splines.maso import MASO

tf = startup.tensorflow()

BETAS = (0.0, 1e-9, 0.25, 0.5, 0.9, 1 - 1e-3, 1 - 1e-6, 1 - 1e-9, 1.0)
INPUTS = (-1e4, -30.0, -1.0, -1e-4, 0.0, 1e-4, 1.0, 30.0, 1e4)
DTYPES = ("float32", "float16", "bfloat16")
KINDS = ("relu", "leaky", "abs", "pooling")
_STEP = 1e-6


def measure_stability(rng):
    del rng  # The inputs are the extreme ones.
    errors = {
        dtype: {
            f"{kind}, beta {beta}, {mode}": error(
                create(kind, beta, mode, dtype)
            )
            for kind, beta in itertools.product(KINDS, BETAS)
            for mode in modes(beta)
        }
        for dtype in DTYPES
    }
    # The check sees where a quotient is right and where it is not.
    errors["float32"]["quotient, beta 0.5"] = error(Quotient(beta=0.5))
    return {
        "error": errors,
        "eta as a quotient, beta 1 - 1e-9": {
            "error": {"float32": error(Quotient(beta=1 - 1e-9))}
        },
        "log eta cut off at -8": error(Clipped(beta=1e-9)),
        "layers": sum(map(len, errors.values())) - 1,
    }


def create(kind, beta, mode, dtype):
    if kind == "pooling":
        return BetaVQPooling(beta=beta, beta_mode=mode, dtype=dtype)
    return BetaVQ(kind, beta=beta, beta_mode=mode, dtype=dtype)


def error(layer):
    """Largest error of values and of derivatives in the inputs, at `INPUTS`.

    Beside the closed form in float64: of values by the size of what enters, of
    derivatives by theirs or 1. It is infinite where something is not finite,
    the derivative in u included. Derivatives are compared where there are some:
    not between regions of a hard choice.
    """
    x = np.array(INPUTS)
    if isinstance(layer, BetaVQPooling):
        # Every pair of extremes in a window with their opposites.
        first, second = map(np.ravel, np.meshgrid(x, x))
        x = np.stack([first, second, -first, -second], axis=-1)
        x = x.reshape(-1, 2, 2, 1)
    x = tf.cast(x, layer.compute_dtype)
    layer.build(x.shape)
    variables = [] if layer.u is None else [layer.u.value]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    found = [y, *tape.gradient(y, [x, *variables])]
    found = [np.asarray(tensor, "float64") for tensor in found]
    if not all(np.all(np.isfinite(tensor)) for tensor in found):
        return np.inf
    return _deviation(layer, np.asarray(x, "float64"), *found[:2])


def _deviation(layer, x, values, derivatives):
    """From the choice between the affine maps of each number or window."""
    if isinstance(layer, BetaVQPooling):
        slopes = np.eye(4)[None]
        x, derivatives = x.reshape(-1, 4), derivatives.reshape(-1, 4)
    else:
        slopes = np.reshape(layer.slopes, (1, 2, 1))
        x, derivatives = x[:, None], derivatives[:, None]
    maso = MASO(slopes, np.zeros(slopes.shape[:2]), layer.initial_beta)
    sizes = np.maximum(np.abs(x).max(axis=1), np.finfo("float64").tiny)
    apart = np.abs(maso(x)[:, 0] - np.ravel(values)) / sizes
    expected = maso.jacobian(x)[:, 0]
    scores = maso.scores(x)[:, 0]
    tied = np.sum(scores == scores.max(axis=1, keepdims=True), axis=1) > 1
    compared = ~tied | (layer.initial_beta < 1)
    turned = np.abs(expected - derivatives) / np.maximum(1, np.abs(expected))
    return float(max(apart.max(), turned[compared].max()))


class Quotient(BetaVQ):
    """Has eta as a quotient in float32, which cannot hold 1 - 1e-9."""

    def _eta(self):
        beta = tf.constant(self.initial_beta, "float32")
        return beta / (1 - beta)


class Clipped(BetaVQ):
    """Has no eta below exp(-8), as what computes in float16 alone."""

    def _eta(self):
        return np.exp(np.clip(self._initial_u(), -8, 8))


def measure_gradients(rng):
    differences = {
        kind: dense_differences(kind, rng) for kind in ("relu", "leaky", "abs")
    }
    differences["pooling"] = pooling_differences(rng)
    jacobian, constant = jacobian_differences(rng)
    differences["closed form of the Jacobian"] = jacobian
    return {"relative difference": differences, "constant gates": constant}


def dense_differences(kind, rng, **options):
    """Of a dense layer with beta-VQ, a beta for each unit."""
    dense = keras.layers.Dense(5, dtype="float64")
    layer = BetaVQ(kind, 0.7, "per_channel", dtype="float64", **options)
    x = tf.Variable(rng.normal(size=(6, 4)))
    layer(dense(x))
    for variable in (*dense.variables, layer.u):
        variable.assign(rng.normal(size=variable.shape))
    return _differences(
        lambda: layer(dense(x)),
        {
            "z": x,
            "A": dense.kernel.value,
            "B": dense.bias.value,
            "u": layer.u.value,
        },
        rng,
    )


def pooling_differences(rng, **options):
    """Of a pooling layer, a beta for each channel."""
    layer = BetaVQPooling(
        3,
        strides=2,
        padding="same",
        beta=0.7,
        beta_mode="per_channel",
        dtype="float64",
        **options,
    )
    x = tf.Variable(rng.normal(size=(2, 5, 4, 3)))
    layer(x)
    layer.u.assign(rng.normal(size=layer.u.shape))
    variables = {"x": x, "u": layer.u.value}
    return _differences(lambda: layer(x), variables, rng)


def _differences(outputs, variables, rng):
    """Relative difference of each gradient from central differences."""
    weights = rng.normal(size=outputs().shape)

    def total():
        return tf.reduce_sum(outputs() * weights)

    with tf.GradientTape() as tape:
        value = total()
    gradients = tape.gradient(value, variables)
    return {
        name: relative_difference(gradients[name], _central(total, variable))
        for name, variable in variables.items()
    }


def _central(function, variable):
    """Central differences of a scalar function in each entry."""
    start = variable.numpy()
    found = np.empty(start.shape)
    for index in np.ndindex(start.shape):
        values = []
        for sign in (1, -1):
            moved = start.copy()
            moved[index] += sign * _STEP
            variable.assign(moved)
            values.append(float(function()))
        found[index] = (values[0] - values[1]) / (2 * _STEP)
    variable.assign(start)
    return found


def jacobian_differences(rng):
    """Of the closed form, and of gates that are taken as constants."""
    affine = parameters.dense(rng.normal(size=(4, 6)), rng.normal(size=6))
    maso = parameters.activated(affine, parameters.slopes_of("leaky"))
    x = rng.normal(size=(5, 4))
    expected = np.empty((5, 6, 4))
    for index in range(4):
        step = np.zeros(4)
        step[index] = _STEP
        up, down = maso(x + step, 0.7), maso(x - step, 0.7)
        expected[..., index] = (up - down) / (2 * _STEP)
    constant = np.einsum("nkr,krd->nkd", maso.select(x, 0.7), maso.slopes)
    return (
        relative_difference(maso.jacobian(x, 0.7), expected),
        relative_difference(constant, expected),
    )

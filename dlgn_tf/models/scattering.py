"""Learned scattering networks: fixed wavelets, modulus, learned 1x1 matrices.

Space is left to wavelets that are not learned, so that every learned matrix is
one between channels. The nonlinearity is a complex modulus: there is no ReLU,
so there are no gates.

Source: "A Rainbow in Deep Network Black Boxes" (arXiv 2305.18512), the learned
scattering networks, with the constants of its authors' code.
"""

import math

from keras import layers

from dlgn_tf.layers import (
    ComplexModulus,
    ComplexStandardization,
    MorletFilters,
    SkipModulus,
)
from dlgn_tf.models.head import logits
from dlgn_tf.models.standardization import standardize, uniform_weights

ANGLES = 4

# Arguments of `MorletFilters`: of a block that covers an octave, and of the two
# blocks that share one.
_OCTAVE = {
    "sigma": 0.8,
    "frequency": 3 * math.pi / 4,
    "low_pass_sigma": 0.8,
    "stride": 2,
}
_HALF_OCTAVES = (
    {**_OCTAVE, "low_pass_sigma": 0.8 / math.sqrt(2), "stride": 1},
    {
        "sigma": 0.8 * math.sqrt(3 / 2),
        "frequency": math.pi / math.sqrt(2),
        "low_pass_sigma": 0.8 / math.sqrt(2),
        "stride": 2,
    },
)


def scattering(
    x,
    site,
    classes,
    width,
    skip,
    unit_norm,
    factors,
    last_width,
    half_octaves,
):
    """Blocks of wavelets, modulus, standardisation and a learned 1x1 matrix.

    The head standardises, flattens and has no biases; nothing has.

    With `skip` maps are complex: coefficients are kept beside their moduli. A
    real matrix acts on both parts alike, and the head sees them as channels.

    Args:
        width: Integer. Channels after the first matrix; the paper's width
            scale s is `width / 64`.
        skip: Boolean, whether to skip moduli, see `SkipModulus`.
        unit_norm: Boolean. Whether channels are brought to l2 norm 1 at every
            pixel after each matrix.
        factors: Sequence of integers. Channels after each matrix, in units of
            the width.
        last_width: Integer, channels after one matrix more, whatever the
            width, or None: there is none more.
        half_octaves: Boolean. Whether two blocks, rather than one, go to the
            next octave.
    """
    del site
    channels = [factor * width for factor in factors]
    channels += [last_width] if last_width else []
    h = x
    for index, outputs in enumerate(channels):
        filters = _HALF_OCTAVES[index % 2] if half_octaves else _OCTAVE
        h = _block(h, f"conv{index + 1}", outputs, filters, skip, unit_norm)
    h = standardize(h, "head")
    if skip:
        h = _parts_apart(h, "head")
    h = layers.Flatten(name="flatten")(h)
    return logits(h, classes, False, uniform_weights())


def _block(h, name, outputs, filters, skip, unit_norm):
    h = MorletFilters(ANGLES, **filters, name=f"{name}_wavelets")(h)
    if skip:
        return _complex_block(h, name, outputs, unit_norm)
    h = ComplexModulus(ANGLES, name=f"{name}_modulus")(h)
    h = standardize(h, name)
    h = layers.Conv2D(
        outputs,
        1,
        use_bias=False,
        kernel_initializer=uniform_weights(),
        name=name,
    )(h)
    if unit_norm:
        h = layers.UnitNormalization(name=f"{name}_norm")(h)
    return h


def _complex_block(h, name, outputs, unit_norm):
    """Where parts stand apart, a dense layer acts on both alike."""
    # The image is real.
    modulus = SkipModulus(ANGLES, name != "conv1", name=f"{name}_modulus")
    h = _parts_together(modulus(h), f"{name}_modulus")
    h = ComplexStandardization(name=f"{name}_bn")(h)
    h = layers.Dense(
        outputs,
        use_bias=False,
        kernel_initializer=uniform_weights(),
        name=name,
    )(_parts_apart(h, f"{name}_bn"))
    if unit_norm:
        h = layers.UnitNormalization((-2, -1), name=f"{name}_norm")(h)
    return _parts_together(h, name)


def _parts_together(h, name):
    """`(..., 2, channels) -> (..., 2 channels)`."""
    *sides, _, channels = h.shape[1:]
    shape = (*sides, 2 * channels)
    return layers.Reshape(shape, name=f"{name}_channels")(h)


def _parts_apart(h, name):
    """`(..., 2 channels) -> (..., 2, channels)`: real and imaginary part."""
    *sides, channels = h.shape[1:]
    shape = (*sides, 2, channels // 2)
    return layers.Reshape(shape, name=f"{name}_parts")(h)

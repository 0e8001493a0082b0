"""The regions between half-spaces, each with its local linear model."""

import typing

import numpy as np

from dlgn_tf.command import startup
from dlgn_tf.tabular import networks
from dlgn_tf.tabular.networks import Form, Weights

tf = startup.tensorflow()


class Region(typing.NamedTuple):
    """Points that open the same gates.

    Attributes:
        on: Booleans `(units,)`, gates of all layers that are more than half
            open; of a dnn, units that are above 0.
        points: Integer, how many points lie in it.
        centre: Array `(inputs,)`, their mean.
        outputs: Array `(outputs,)`, what the network says of the centre.
        slopes: Array `(inputs, outputs)`, derivatives there: near the centre
            the network says `outputs + (x - centre) @ slopes`.
        members: Integers `(points,)`, which points they are.
    """

    on: np.ndarray
    points: int
    centre: np.ndarray
    outputs: np.ndarray
    slopes: np.ndarray
    members: np.ndarray


def regions(
    form: Form, weights: Weights, x: np.ndarray, most: int | None = None
) -> list[Region]:
    """The regions that points lie in, those of most points first.

    Args:
        form: `Form`.
        weights: Its `Weights`.
        x: Array `(n, inputs)`.
        most: Integer, how many regions are returned; None for all.
    """
    x = np.asarray(x, weights.value[0][0].dtype)
    patterns, members, counts = np.unique(
        _open(form, weights, x), axis=0, return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")[:most]
    members = members.ravel()
    of_region = [np.flatnonzero(members == k) for k in order]
    centres = np.stack([x[rows].mean(axis=0) for rows in of_region])
    values, slopes = _local(form, weights, centres)
    return [
        Region(patterns[k], int(counts[k]), centre, value, slope, rows)
        for k, centre, value, slope, rows in zip(
            order, centres, values, slopes, of_region, strict=True
        )
    ]


def _open(form, weights, x):
    if form.family != "dnn":
        found = networks.preactivations(form, weights.gating, x)
    else:
        found, h = [], x
        for layer in weights.value[:-1]:
            found.append(networks.affine(h, *layer))
            h = tf.nn.relu(found[-1])
    return np.concatenate([np.asarray(q) > 0 for q in found], axis=1)


def _local(form, weights, centres):
    """Outputs `(n, outputs)` and derivatives `(n, inputs, outputs)`."""
    x = tf.constant(centres)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = networks.outputs(form, weights, x)
    jacobian = tape.batch_jacobian(z, x)
    return np.asarray(z), np.swapaxes(np.asarray(jacobian), 1, 2)

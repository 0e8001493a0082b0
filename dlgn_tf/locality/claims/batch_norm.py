"""tian.2, 5 and 15: energy balance, batch norm as a projection, on events."""

import numpy as np

from dlgn_tf import factorizations
from dlgn_tf.command import startup
from dlgn_tf.layers import BatchNorm
from dlgn_tf.locality import (
    energy_balance,
    energy_descent,
    matrix_form,
    projection,
)
from dlgn_tf.locality.worlds import GRAPHS, World

tf = startup.tensorflow()

EPSILONS = (0.0, 1e-3, 0.1)
SEEDS = 5
ENTRIES, NODES = 16, 3
# Of batch normalisation on events.
EVENT_EPSILON = 1e-3
DIFFERENCE = "|autodiff - projector|"


def measure_energy(rng):
    errors = [
        energy_balance.balance_errors(
            world.network, world.passes(), world.teacher.probabilities
        )
        for graph in GRAPHS
        for world in (World.draw(graph, rng) for _ in range(SEEDS))
    ]
    seed = int(rng.integers(2**31))
    with_norm, without = (
        energy_descent.descend(np.random.default_rng(seed), batch_norm)
        for batch_norm in (True, False)
    )
    drift, drift_without = with_norm.drifts.max(), without.drifts.max()
    return {
        "identities": np.max(errors),
        "|E[f g]|": np.abs(with_norm.products).max(),
        "energy drift": drift,
        "drift without over with": drift_without / drift,
        "without batch normalisation": {
            "|E[f g]|": np.abs(without.products).max(),
            "energy drift": drift_without,
        },
        "nodes": energy_descent.NODES,
    }


def measure_projection(rng):
    cases = {
        (dtype, f"{kind}, eps {epsilon:g}"): layer_case(
            rng, shape, dtype, epsilon
        )
        for dtype in ("float32", "float64")
        for kind, shape in (
            ("rank 4", (2, 2, ENTRIES // 4, NODES)),
            ("rank 2", (ENTRIES, NODES)),
        )
        for epsilon in EPSILONS
    }
    figures, without = {}, {}
    for (dtype, name), case in cases.items():
        ideal = case.pop("projector without its eps")
        if ideal is not None:
            without[f"{dtype}, {name}"] = {DIFFERENCE: {dtype: ideal}}
        for figure, value in case.items():
            figures.setdefault(figure, {}).setdefault(dtype, {})[name] = value
    return {
        **figures,
        "projector without its eps": without,
        "nodes": NODES,
        "entries": ENTRIES,
    }


def layer_case(rng, shape, dtype, epsilon):
    """Compares one layer with the projector, entry by entry.

    The shape is one of `ENTRIES` places and `NODES` channels.

    Returns:
        Dict of figures; `projector without its eps` is the difference from
        it, None where eps is 0.
    """
    layer = BatchNorm(epsilon=epsilon, dtype=dtype)
    layer.build((None, *shape[1:]))
    layer.gamma.assign(rng.uniform(0.5, 1.5, shape[-1]))
    inputs = rng.normal(size=shape).astype(dtype)
    flat = inputs.astype(np.float64).reshape(-1, shape[-1])
    found = _jacobians(layer, inputs)
    scales = np.asarray(layer.gamma, np.float64)
    expected, ideal = (
        np.array(
            [
                projection.jacobian(f, scale, added)
                for f, scale in zip(flat.T, scales, strict=True)
            ]
        )
        for added in (epsilon, 0.0)
    )
    upstream = rng.normal(size=shape)
    upstream /= np.sqrt(np.sum(upstream**2, axis=tuple(range(len(shape) - 1))))
    g = _gradient(layer, inputs, upstream)
    g, upstream = g.reshape(flat.shape), upstream.reshape(flat.shape)
    along = [
        _along_f(*node, epsilon)
        for node in zip(flat.T, g.T, upstream.T, scales, strict=True)
    ]
    # Above the rounding of J, below its least singular value, about eps.
    rounding = 1e-5 if dtype == "float32" else 1e-9
    ranks = [
        int(np.sum(factorizations.singular_values(J) > rounding)) for J in found
    ]
    sign = "eps > 0" if epsilon else "eps = 0"
    return {
        DIFFERENCE: np.abs(found - expected).max(),
        "projector without its eps": (
            np.abs(found - ideal).max() if epsilon else None
        ),
        # Of upstream gradients of norm 1: each output's, and a drawn one.
        "|1^T g|": max(np.abs(found.sum(axis=2)).max(), abs(g.sum(0)).max()),
        # In units of eps / v; at eps = 0, the product itself.
        f"|f^T g|, {sign}": max(along),
        "|J - J^T|": np.abs(found - found.transpose(0, 2, 1)).max(),
        f"N - rank of J, {sign}": [ENTRIES - rank for rank in ranks],
    }


def _gradient(layer, inputs, upstream):
    """Of the inputs of a layer in training mode, float64."""
    x = tf.constant(inputs, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = layer(x, training=True)
    gradient = tape.gradient(out, x, tf.constant(upstream, out.dtype))
    return np.asarray(gradient, np.float64)


def _jacobians(layer, inputs):
    """J of every node `(nodes, entries, entries)`; row i is of output i.

    By one backward pass an entry of the batch, a place of all axes but the
    last.
    """
    places = int(np.prod(inputs.shape[:-1]))
    rows = []
    for place in range(places):
        upstream = np.zeros((places, inputs.shape[-1]))
        upstream[place] = 1
        gradient = _gradient(layer, inputs, upstream.reshape(inputs.shape))
        rows.append(gradient.reshape(places, -1))
    return np.array(rows).transpose(2, 0, 1)


def _along_f(f, g, upstream, scale, epsilon):
    """|f_hat^T g| relative to what enters, over eps / v where that is > 0."""
    centred, variance = f - f.mean(), f.var()
    size = np.linalg.norm(centred) * np.linalg.norm(upstream)
    relative = abs(f @ g) / (scale / np.sqrt(variance + epsilon) * size)
    return float(relative / (epsilon / variance) if epsilon else relative)


def measure_events(rng):
    """The matrix form with batch normalisation beside autodiff on inputs."""
    found = []
    for graph in GRAPHS:
        for _ in range(SEEDS):
            world = World.draw(graph, rng)
            matrix, without = (
                matrix_form.run(
                    world.network, world.teacher, world.targets, epsilon=epsilon
                )
                for epsilon in (EVENT_EPSILON, None)
            )
            true, constant = (
                normalised_updates(world, EVENT_EPSILON, stopped)
                for stopped in (False, True)
            )
            found.append(
                {
                    "|DW - DW of autodiff| / |DW|": matrix_form.relative_gap(
                        matrix.updates, true
                    ),
                    "|1^T G~|": _column_sums(matrix),
                    "gap where statistics are constants": (
                        matrix_form.relative_gap(matrix.updates, constant)
                    ),
                    "|1^T G~| without batch normalisation": _column_sums(
                        without
                    ),
                }
            )
    return {
        **{name: [each[name] for each in found] for name in found[0]},
        "graphs": list(GRAPHS),
        "seeds": SEEDS,
    }


def _column_sums(matrix):
    """Largest |1^T G~| of the levels between leaves and top."""
    return max(
        np.abs(G.sum(axis=0)).max() for level in matrix.G[1:-1] for G in level
    )


def normalised_updates(world, epsilon, stopped=False):
    """-dLoss/dW of 1/2 E |y - f|^2 by autodiff, sample by sample.

    Nodes of the levels between are normalised over the inputs before their
    ReLU, in float64, with the biases as shifts. Where the statistics are
    `stopped`, no gradient goes through them.
    """
    network, p = world.network, tf.constant(world.teacher.probabilities)
    weights = [tf.constant(each) for each in network.weights]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        f = tf.constant(world.teacher.one_hot_leaves())
        for level, each in enumerate(weights, start=1):
            rows = tf.gather(f, network.fields.children[level - 1], axis=1)
            rows = tf.reshape(rows, (*rows.shape[:2], -1))
            sums = tf.einsum("xri,rio->xro", rows, each[:, :-1])
            if network.is_linear(level):
                f = sums + each[:, -1]
                continue
            mean = tf.einsum("x,xro->ro", p, sums)
            variance = tf.einsum("x,xro->ro", p, (sums - mean) ** 2)
            if stopped:
                mean, variance = map(tf.stop_gradient, (mean, variance))
            sums = (sums - mean) / tf.sqrt(variance + epsilon)
            f = tf.nn.relu(sums + each[:, -1])
        errors = tf.reduce_sum((world.targets - f[:, 0]) ** 2, axis=1)
        loss = tf.reduce_sum(p * errors) / 2
    return [-g.numpy() for g in tape.gradient(loss, weights)]

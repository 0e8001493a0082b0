"""Experiment 6: accuracy and loss from the numbers of a network's components.

Source: Ren et al. (arXiv 2006.15920), section 4.
"""

import collections
import pathlib

import numpy as np

from dlgn_tf.complexity import figures, prediction
from dlgn_tf.errors import UserError
from dlgn_tf.output import markdown

# Attribute of `Networks`, and what it is.
TARGETS = {
    "accuracy": ("accuracies", "test accuracy (%)"),
    "loss": ("losses", "test cross-entropy"),
}


def run(experiment):
    """Errors of linear predictions, `prediction.csv`, and two planes.

    Raises:
        UserError: if there is no table of networks, or it is damaged.
    """
    path = pathlib.Path(experiment.networks or prediction.AUTHORS_FILE)
    if not experiment.networks and not path.is_file():
        raise UserError(
            "Expected --networks=CSV, a table of networks such as experiment 2 "
            f"writes, or that of the paper's authors in {path}. Received: "
            "neither"
        )
    networks = prediction.read_networks(path)
    rows, weights = measure(networks), weights_of(networks)
    compressed = []
    if experiment.compressed:
        others = prediction.read_networks(experiment.compressed)
        compressed = predict(networks, others)
    experiment.output.table("prediction", rows)
    experiment.output.table("weights", weights)
    pictures = []
    for target, (name, label) in TARGETS.items():
        values = getattr(networks, name)
        fit = prediction.plane(networks.descriptors, values)
        figure = figures.plane(fit, values, f"{path.stem}, {target}", label)
        pictures.append(experiment.drawn(f"plane_{target}", figure, label))
    table = _markdown(rows)
    print(table)
    experiment.report(
        "Experiment 6: prediction from components",
        f"Ordinary least squares over {len(networks.names)} networks of "
        f"{path.name}: mean absolute errors on networks left out of 1,000 "
        "random splits and in turn, beside those of the mean and of shuffled "
        "targets. The paper prints an accuracy error of 2.73 points for its 25 "
        "networks on CIFAR-10 and 0.49 for the loss.",
        table,
        "Weights of the fit to all networks, and their range over the fits "
        "without each network in turn. Weights of shares that go together are "
        "not fixed by so few networks: do not interpret them one by one.",
        _markdown(weights),
        *(_of_compressed(experiment, compressed) if compressed else ()),
        *pictures,
        facts={"networks": f"{len(networks.names)} of {path.name}"},
    )


def weights_of(networks):
    """Weights of the fits to all networks, with ranges: list of dicts."""
    names = prediction.descriptor_names(networks.orders)
    rows = []
    for target, (attribute, _) in TARGETS.items():
        known = networks.descriptors, getattr(networks, attribute)
        whole = _all_weights(prediction.fit(*known))
        in_turn = np.stack(
            [*map(_all_weights, prediction.fits_in_turn(*known))]
        )
        numbers = zip(
            [*names, "intercept"],
            whole,
            in_turn.min(axis=0),
            in_turn.max(axis=0),
            strict=True,
        )
        rows += [
            {
                "target": target,
                "number": name,
                **_formatted({"weight": of_all, "least": least, "most": most}),
            }
            for name, of_all, least, most in numbers
        ]
    return rows


def _all_weights(fit):
    return np.append(fit.coef_, fit.intercept_)


def predict(networks, others):
    """What the fit to some networks says of others, the paper's Table 3.

    Args:
        networks: `Networks` that are fitted.
        others: `Networks` that are predicted, such as compressed ones.

    Returns:
        List of dicts; errors are what is predicted less what was measured.

    Raises:
        UserError: if the others have components of other orders.
    """
    if others.orders != networks.orders:
        raise UserError(
            "Expected in --compressed networks with components of orders "
            f"{networks.orders}, as those that are fitted. Received: "
            f"{others.orders}"
        )
    columns = {}
    for target, (attribute, _) in TARGETS.items():
        fitted = prediction.fit(
            networks.descriptors, getattr(networks, attribute)
        )
        measured = getattr(others, attribute)
        predicted = fitted.predict(others.descriptors)
        columns[target] = measured
        columns[f"predicted_{target}"] = predicted
        columns[f"error_{target}"] = predicted - measured
    numbers = zip(*columns.values(), strict=True)
    return [
        {"network": name, **_formatted(dict(zip(columns, row, strict=True)))}
        for name, row in zip(others.names, numbers, strict=True)
    ]


def _of_compressed(experiment, rows):
    """Writes `compressed.csv`; returns paragraphs of the report."""
    experiment.output.table("compressed", rows)
    absolute = collections.defaultdict(list)
    for row in rows:
        kind = row["network"].partition("-")[0]
        absolute[kind].append(abs(float(row["error_accuracy"])))
    means = ", ".join(
        f"{kind} {np.mean(errors):.2f}" for kind, errors in absolute.items()
    )
    table = _markdown(rows)
    print(table)
    return [
        "The same fit, applied to the networks of "
        f"{pathlib.Path(experiment.compressed).name}. Mean absolute errors of "
        f"accuracy in points: {means}. The paper's Table 3 has 2.66 over seven "
        "compressed networks.",
        table,
    ]


def _formatted(numbers):
    return {name: f"{number:.3f}" for name, number in numbers.items()}


def _markdown(rows):
    return markdown.table(list(rows[0]), [row.values() for row in rows])


def measure(networks):
    """Errors of predictions from all numbers and from the shares alone.

    Returns:
        List of dicts.
    """
    left_out = max(1, len(networks.names) // 5)
    of_orders = len(networks.orders)
    inputs = {
        f"{2 * of_orders} reliable and unreliable shares": networks.descriptors,
        f"{of_orders} shares": networks.significances,
    }
    rows = []
    for numbers_of, numbers in inputs.items():
        for target, (name, _) in TARGETS.items():
            found = prediction.errors(
                numbers, getattr(networks, name), left_out
            )
            key = {"from": numbers_of, "target": target, "left_out": left_out}
            rows.append(key | _formatted(vars(found)))
    return rows

"""Experiment 6: accuracy and loss from the numbers of a network's components.

Source: Ren et al. (arXiv 2006.15920), section 4.
"""

import pathlib

from dlgn_tf.complexity import figures, prediction, report, tables
from dlgn_tf.errors import UserError

TARGETS = {"accuracy": "test accuracy (%)", "loss": "test cross-entropy"}


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
    rows = measure(networks)
    experiment.output.table("prediction", rows)
    for target, label in TARGETS.items():
        values = values_of(networks, target)
        fit = prediction.plane(networks.descriptors, values)
        picture = figures.plane(fit, values, f"{path.stem}, {target}", label)
        experiment.output.picture(f"plane_{target}", picture)
    heads = list(rows[0])
    table = tables.markdown(heads, [row.values() for row in rows])
    print(table)
    experiment.report(
        "Experiment 6: prediction from components",
        f"Ordinary least squares over {len(networks.names)} networks of "
        f"{path.name}: mean absolute errors on networks left out of 1,000 "
        "random splits and in turn, beside those of the mean and of shuffled "
        "targets. The paper prints an accuracy error of 2.73 points for its 25 "
        "networks on CIFAR-10 and 0.49 for the loss.",
        table,
        *(
            report.picture(f"plane_{name}", label)
            for name, label in TARGETS.items()
        ),
        facts={"networks": f"{len(networks.names)} of {path.name}"},
    )


def values_of(networks, target):
    """Accuracies or losses: array `(networks,)`."""
    of = {"accuracy": networks.accuracies, "loss": networks.losses}
    return of[target]


def measure(networks, repeats=1000):
    """Errors of predictions from all numbers and from the shares alone.

    Args:
        networks: `dlgn_tf.complexity.prediction.Networks`.
        repeats: Integer, random splits.

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
    for name, numbers in inputs.items():
        for target in TARGETS:
            found = prediction.errors(
                numbers, values_of(networks, target), left_out, repeats
            )
            rows.append(
                {
                    "from": name,
                    "target": target,
                    "left_out": left_out,
                    **{k: f"{v:.3f}" for k, v in vars(found).items()},
                }
            )
    return rows

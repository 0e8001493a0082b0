"""Experiment 6: accuracy and loss from the numbers of a network's components.

Source: Ren et al. (arXiv 2006.15920), section 4.
"""

import pathlib

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
    rows = measure(networks)
    experiment.output.table("prediction", rows)
    pictures = []
    for target, (name, label) in TARGETS.items():
        values = getattr(networks, name)
        fit = prediction.plane(networks.descriptors, values)
        figure = figures.plane(fit, values, f"{path.stem}, {target}", label)
        pictures.append(experiment.drawn(f"plane_{target}", figure, label))
    table = markdown.table(list(rows[0]), [row.values() for row in rows])
    print(table)
    experiment.report(
        "Experiment 6: prediction from components",
        f"Ordinary least squares over {len(networks.names)} networks of "
        f"{path.name}: mean absolute errors on networks left out of 1,000 "
        "random splits and in turn, beside those of the mean and of shuffled "
        "targets. The paper prints an accuracy error of 2.73 points for its 25 "
        "networks on CIFAR-10 and 0.49 for the loss.",
        table,
        *pictures,
        facts={"networks": f"{len(networks.names)} of {path.name}"},
    )


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
            figures_of = {k: f"{v:.3f}" for k, v in vars(found).items()}
            key = {"from": numbers_of, "target": target, "left_out": left_out}
            rows.append(key | figures_of)
    return rows

"""What gated networks compute, beside the ReLU network: by order.

The same layer of a DNN, a DGN and a DLGN of one architecture: the feature of a
value network, before its gate, and that of a gating network, from which a gate
is made. A DLGN's gating network is linear, so its feature needs no nonlinear
layer at all; the question is how complex what its value network makes of the
gates is. No paper has this experiment.
"""

import collections

from dlgn_tf.complexity import tables
from dlgn_tf.complexity.experiments import samples
from dlgn_tf.complexity.experiments.workshop import Subject
from dlgn_tf.complexity.features import feature_of

ARCHITECTURE = "resnet20"
# Family, and which of its networks.
FEATURES = (
    ("dnn", "value"),
    ("dgn", "value"),
    ("dgn", "gating"),
    ("dlgn", "value"),
    ("dlgn", "gating"),
)


def run(experiment):
    """Significance by order of five features, a table and a bar chart."""
    workshop, rows = experiment.workshop(), []
    found = collections.defaultdict(list)
    accuracies = collections.defaultdict(list)
    for seed in range(experiment.seeds):
        for subject, accuracy in subjects(workshop, seed):
            share = workshop.significance(subject, workshop.ladder(subject))
            label = subject.network.replace("_", " ")
            key = {"feature": label, "seed": seed, "accuracy": accuracy}
            key |= experiment.budget
            rows += tables.keyed_rows(key, share)
            found[label].append(tables.bars_of(share))
            accuracies[label].append([float(accuracy)])
            print(f"{label}, seed {seed}, {accuracy} %: {tables.shown(share)}")
    experiment.output.table("gated", rows)
    _report(experiment, workshop, found, accuracies)


def subjects(workshop, seed):
    """The networks of a seed with each of their features.

    Yields:
        `(Subject, accuracy)`: the test accuracy in percent, as text.
    """
    models, images = {}, workshop.data.train
    scale = workshop.scale
    for family, network in FEATURES:
        if family not in models:
            model = workshop.trained(
                f"{family}-seed{seed}",
                f"{ARCHITECTURE}_{family}",
                images,
                seed,
                **scale.gated_options,
            )
            accuracy, _ = samples.scores(model, workshop.data.test)
            models[family] = model, f"{accuracy:.2f}"
        model, accuracy = models[family]
        part = "" if family == "dnn" else f"_{network}"
        label = f"{family.upper()}{part}-seed{seed}"
        feature = feature_of(model, network=network)
        yield Subject(label, seed, model, feature, images), accuracy


def _report(experiment, workshop, found, accuracies):
    given = workshop.scale.gated_options.items()
    options = ", ".join(f"{k} {v}" for k, v in given)
    title = f"{ARCHITECTURE} ({options}) on {workshop.data.name}"
    experiment.report(
        "Complexity of gated networks",
        f"{title}, trained on {len(workshop.data.train)} images: "
        "the pre-activation of the last gate site of a DNN, of the value and "
        "of the gating network of a DGN and of a DLGN, with soft gates learned "
        "jointly. A DLGN's gating network is linear: what its nets leave is "
        "what a net of so short a training cannot copy even of a linear map.",
        *experiment.significance("gated", found, title),
        tables.means(
            ["feature", "test accuracy of its network (%)"], accuracies, ".1f"
        ),
    )

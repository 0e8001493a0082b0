"""What gated networks compute, beside the ReLU network: by order.

The same layer of a DNN, a DGN and a DLGN of one architecture: the feature of a
value network, before its gate, and that of a gating network, from which a gate
is made. A DLGN's gating network is linear, so its feature needs no nonlinear
layer at all; the question is how complex what its value network makes of the
gates is. No paper has this experiment.
"""

from dlgn_tf.complexity import figures, report, tables, teachers
from dlgn_tf.complexity.components import measure_significance
from dlgn_tf.complexity.experiments import samples
from dlgn_tf.complexity.experiments.workshop import Subject
from dlgn_tf.complexity.features import feature_of
from dlgn_tf.output.spread import mean_and_range

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
    workshop = experiment.workshop()
    rows, found, accuracies = [], {}, {}
    for seed in range(experiment.seeds):
        for subject, accuracy in subjects(workshop, seed):
            share = measure(workshop, subject)
            label = subject.label.partition("-")[0].replace("_", " ")
            key = {"feature": label, "seed": seed, "accuracy": accuracy}
            key |= experiment.scale.columns()
            rows += tables.significance_rows(key, share)
            found.setdefault(label, []).append(tables.bars_of(share))
            accuracies.setdefault(label, []).append(float(accuracy))
            print(f"{label}, seed {seed}, {accuracy} %: {tables.shown(share)}")
    experiment.output.table("gated", rows)
    experiment.output.picture(
        "gated",
        figures.significance(found, experiment.scale.orders, _title(workshop)),
    )
    _report(experiment, workshop, found, accuracies)


def subjects(workshop, seed):
    """The networks of a seed with each of their features.

    Args:
        workshop: `Workshop`.
        seed: Integer.

    Yields:
        `(Subject, accuracy)`: the test accuracy in percent, as text.
    """
    models = {}
    for family, network in FEATURES:
        if family not in models:
            model = _trained(workshop, family, seed)
            accuracy, _ = samples.scores(model, workshop.data.test)
            models[family] = model, f"{accuracy:.2f}"
        model, accuracy = models[family]
        part = "" if family == "dnn" else f"_{network}"
        label = f"{family.upper()}{part}-seed{seed}"
        feature = feature_of(model, network=network)
        images = workshop.data.train
        yield Subject(label, seed, model, feature, images), accuracy


def measure(workshop, subject):
    """`Significance` of a feature over the training images."""
    ladder = workshop.ladder(subject)
    return measure_significance(
        subject.feature, ladder, workshop.data.train.images
    )


def _trained(workshop, family, seed):
    scale, images = workshop.scale, workshop.data.train

    def train():
        model = teachers.create_teacher(
            f"{scale.gated_architecture}_{family}",
            images,
            workshop.data.classes,
            seed,
            **scale.gated_options,
        )
        settings = scale.teacher(seed, len(images))
        return teachers.train_teacher(model, images, settings)

    return workshop.kept(f"{family}-seed{seed}.keras", train)


def _title(workshop):
    scale = workshop.scale
    options = ", ".join(f"{k} {v}" for k, v in scale.gated_options.items())
    return f"{scale.gated_architecture} ({options}) on {workshop.data.name}"


def _report(experiment, workshop, found, accuracies):
    of_networks = {
        label: mean_and_range(values, ".1f")
        for label, values in accuracies.items()
    }
    experiment.report(
        "Complexity of gated networks",
        f"{_title(workshop)}, trained on {len(workshop.data.train)} images: "
        "the pre-activation of the last gate site of a DNN, of the value and "
        "of the gating network of a DGN and of a DLGN, with soft gates learned "
        "jointly. A DLGN's gating network is linear: what its nets leave is "
        "what a net of so short a training cannot copy even of a linear map.",
        tables.summary(found, experiment.scale.orders),
        report.picture("gated", "significance by order"),
        tables.markdown(
            ["feature", "test accuracy of its network (%)"],
            of_networks.items(),
        ),
    )

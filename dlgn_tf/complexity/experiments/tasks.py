"""Experiment 1: what a deeper task needs.

A network is fitted to the output of a random network of known depth, Task-n,
and its own output is taken apart: the deeper the task, the less low orders
suffice.

Source: Ren et al. (arXiv 2006.15920), section 4 and their code.
"""

import collections

from dlgn_tf.complexity import disentangler as nets
from dlgn_tf.complexity import tables
from dlgn_tf.complexity.distillation import Draws, distil
from dlgn_tf.complexity.experiments.workshop import Subject
from dlgn_tf.complexity.features import Feature, output_feature
from dlgn_tf.complexity.tasks import create_task
from dlgn_tf.complexity.teachers import standardization
from dlgn_tf.complexity.unit import unit_of
from dlgn_tf.layers import PixelNormalization

# ReLU layers of the network that is fitted to a task.
TARGET_ORDER = 19
# A stream of its own: nets of the ladder draw other images.
_TARGET_STREAM = 1000
# The authors' rho_c of order 4 by task.
AUTHORS = {0: 0.991, 2: 0.987, 8: 0.971, 26: 0.869, 80: 0.492}


def run(experiment):
    """Tasks of several depths, `tasks.csv` and a bar chart."""
    workshop = experiment.workshop()
    rows, found = [], collections.defaultdict(list)
    for depth in experiment.scale.task_depths:
        for seed in range(experiment.seeds):
            share = measure(workshop, fitted(workshop, depth, seed))
            key = {"task": depth, "seed": seed, **experiment.budget}
            rows += tables.keyed_rows(key, share)
            found[f"Task-{depth}"].append(tables.bars_of(share))
            print(f"Task-{depth}, seed {seed}: {tables.shown(share)}")
    experiment.output.table("tasks", rows)
    authors = ", ".join(f"Task-{n} {share}" for n, share in AUTHORS.items())
    experiment.report(
        "Experiment 1: complexity of tasks",
        "A network of 19 ReLU layers is fitted to the output of a random "
        "network with n hidden ReLU layers (Task-n) and its own output is "
        "taken apart. Expected: the deeper the task, the smaller the share of "
        "low orders; the authors, with r = 1, have "
        f"{authors} for order 4.",
        *experiment.significance("tasks", found, "Task-n"),
    )


def measure(workshop, subject, width=None):
    """`Significance` of a network that was `fitted` to a task.

    A width, r, of the disentangler nets may take the place of the scale's.
    """
    changes = {} if width is None else {"width": width}
    name = "ladder" if width is None else f"ladder-r{width:g}"
    ladder = workshop.ladder(subject, name=name, **changes)
    return workshop.significance(subject, ladder)


def fitted(workshop, depth, seed):
    """A network of 19 ReLU layers, fitted to a task's output: `Subject`."""
    images, label = workshop.data.train, f"task{depth}-seed{seed}"
    of_task = _task_feature(depth, images, seed)

    def fit():
        unit = unit_of(of_task, images.images)
        width = workshop.scale.width
        net = nets.net_for(of_task, TARGET_ORDER, width, seed, unit)
        training = workshop.scale.training(seed)
        batch_size = workshop.scale.ladder(seed).batch_size(TARGET_ORDER)
        draws = Draws([unit.feature(of_task)], images.images, training)
        distil(nets.in_unit(net), draws, _TARGET_STREAM, training, batch_size)
        return net

    net = workshop.kept(f"{label}.keras", fit)
    return Subject(
        label, seed, net, output_feature(label, net, of_task), images
    )


def _task_feature(depth, images, seed):
    """The output of Task-n on standardised images; there is no head."""
    normalization = PixelNormalization(**standardization(images))
    shape = images.images.shape[1:]
    network = create_task(depth, shape, seed=seed)
    return Feature(
        f"Task-{depth} of seed {seed}",
        shape,
        network.output_shape[1:],
        normalization,
        lambda batch: network(normalization(batch), training=False),
        lambda batch: [],
        lambda f, context: f,
    )

"""Measures methods of explanation where the answer is known.

  python tools/compare_explanations.py --output_dir=DIR

Networks learn images of which a patch alone decides (`dlgn_tf.inspection.
planted`), each a second time with its labels permuted. Every method explains
what they say of new images; scores.csv has a row for each network, seed and
method.
"""

import dataclasses

import numpy as np

from dlgn_tf.command import cli, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.output.folder import Output

# Networks by name, with flags of training.
NETWORKS = {
    "fc_dlgn": {"depth": 3, "width": 16},
    "fc_dnn": {"depth": 3, "width": 16},
    "c4gap_dlgn": {"width": 8},
}
_TRAINING = {
    "normalization": "dataset",
    "batch_size": 256,
    "learning_rates": (0.01, 0.001),
    "l2": 0.01,
}


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    output_dir: str | None = flag(
        None, "Folder for scores.csv.", path=True, required="DIR"
    )
    seeds: int = flag(1, "Networks of each kind.", least=1)
    examples: int = flag(6000, "Images that each learns.", least=10)
    epochs: int = flag(40, "Passes over them.", least=2)
    images: int = flag(60, "Images that are explained.", least=1)


def run(command):
    startup.import_keras()
    rows = [
        row
        for name in NETWORKS
        for seed in range(command.seeds)
        for row in scores(name, seed, command)
    ]
    Output(command.output_dir).table("scores", rows)


def scores(name, seed, command):
    """Rows of the table of one network.

    Args:
        name: String, a key of `NETWORKS`.
        seed: Integer, of the network; images are the same for all.
        command: `Command`.

    Returns:
        List of dicts: mean over the images of what `measures.Scores` has; of
        the share of a map that lies in the patch; and of the agreement with the
        maps of the network that learned permuted labels.
    """
    from dlgn_tf.errors import UserError
    from dlgn_tf.inspection import measures, planted

    train, test = (
        planted.planted_patch(count, number)
        for count, number in ((command.examples, 1), (command.images, 2))
    )
    model, accuracy = _learned(name, seed, command, train, test)
    mixed = np.random.default_rng(seed).permutation(train.labels)
    other, _ = _learned(
        name, seed, command, dataclasses.replace(train, labels=mixed), test
    )
    rows = []
    for method in measures.METHODS:
        try:
            found = measures.compare(model, test.images, [method], seed=seed)
        except UserError:
            # Grad-CAM wants a convolution.
            continue
        explained, of_method = found[method]
        mass = measures.mass(explained.maps, planted.BOX)
        permuted = measures.agreement_with(other, explained)
        more = {"mass": mass.mean(), "permuted": permuted.mean()}
        known = {"network": name, "seed": seed, "accuracy": accuracy}
        rows.append(known | vars(of_method) | more)
    return rows


def _learned(name, seed, command, train, test):
    """A network that learned images, and its accuracy on others."""
    import dlgn_tf

    data = dlgn_tf.data.from_arrays(
        train.images, train.labels, test.images, test.labels
    )
    steps = command.epochs * len(train) // _TRAINING["batch_size"]
    model, history = dlgn_tf.fit(
        name,
        data,
        epochs=command.epochs,
        boundaries=(max(1, 2 * steps // 3),),
        seed=seed,
        verbose=False,
        **_TRAINING,
        **NETWORKS[name],
    )
    return model, history["val_accuracy"][-1]


if __name__ == "__main__":
    cli.run(run, "tools/compare_explanations.py", __doc__, Command)

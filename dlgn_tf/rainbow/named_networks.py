"""Which networks a command compares, before Keras is there."""

from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives, registry
from dlgn_tf.training.source import Source


def named_networks(command):
    """A `Source` for each network, all of one data set, runs of one model."""
    known = {"dataset": command.dataset, "model": command.model}
    networks = [Source.of_path(path, **known) for path in command.run_dirs]
    if all(network.run_dir for network in networks):
        command.check_absent(known, "with runs, which say it")
    for network in networks:
        network.check()
        if not network.config and not command.dataset:
            raise UserError(
                "Expected --dataset with networks of no run. Received: "
                f"{network.path} and no --dataset"
            )
        _check_alike(
            "dataset", networks[0], network, lambda x: x.of_images.name
        )
    runs = [network for network in networks if network.config]
    for run in runs:
        _check_alike("model", runs[0], run, lambda x: x.config.model)
        _check_kind(run)
    return networks


def _check_alike(what, first, other, value):
    if value(first) != value(other):
        raise UserError(
            f"Expected runs of one {what}. Received: {value(first)} in "
            f"{first.path}, {value(other)} in {other.path}"
        )


def _check_kind(run):
    if (run.config.members or 1) > 1:
        raise UserError(
            "Expected runs of single networks. Received: an ensemble of "
            f"{run.config.members} in {run.path}"
        )
    objectives.check_classes(run.config.loss, run.path)
    check_reading(run.config.model)


def check_reading(name):
    """Raises a `UserError` if the layers of a model do not read one another."""
    if registry.parse(name)[1] == "dlgn_sf":
        raise UserError(
            "Expected networks whose layers read one another. Received: "
            f"{name}, whose gates each read the image"
        )

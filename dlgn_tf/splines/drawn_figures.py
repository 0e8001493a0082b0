"""What `python -m dlgn_tf.splines` draws, figure by figure."""

from dlgn_tf import choices
from dlgn_tf.command.progress import Progress
from dlgn_tf.errors import UserError
from dlgn_tf.models.activations import ACTIVATIONS
from dlgn_tf.models.classifier import single_networks
from dlgn_tf.splines import digits_network, joint_selection, plane_network
from dlgn_tf.splines.drawings import (
    gram_matrices,
    joint_selections,
    layer_partition,
    nonlinearities,
    output,
    priors,
    unit_partition,
)
from dlgn_tf.training import configured, runs, trained
from dlgn_tf.training.run_directory import RunDirectory

# Of networks whose selections are compared.
_SEEDS = 3


def draw(command, names):
    """Draws figures, keys of `FIGURES`, and writes each as soon as it is drawn.

    The `network` of the `Command` is the one of a gated network that is looked
    at.
    """
    progress = Progress("splines", 0, len(names), "figure")
    for position, name in enumerate(names, start=1):
        for picture in FIGURES[name](command):
            output.save(picture, command.output_dir)
        progress.update(position, {"figure": name}, line=True)
    print(f"pictures and their numbers (.csv) are in {command.output_dir}")


def _layers(command):
    for data in plane_network.DATA:
        yield layer_partition.draw(data, command.seed)


def _prior(command):
    if command.run_dir:
        states = _states_of_run(command)
        nonlinearity = _nonlinearity(command)
    else:
        nonlinearity = {}
        network = digits_network.create(command.seed)
        before = digits_network.create(command.seed)
        digits_network.train(network, command.seed)
        states = {"before training": before, "after training": network}
    title = f"{_title(command)}: prior of the active region"
    yield priors.draw(states, title, **nonlinearity)


def _gram(command):
    if command.run_dir:
        states = _states_of_run(command)
        labels = list(states)
        networks = {label: states[label] for label in (labels[0], labels[-1])}
    else:
        networks = {"before": digits_network.create(command.seed)}
        for kind in digits_network.KINDS:
            network = digits_network.create_kind(kind, command.seed)
            digits_network.train(network, command.seed)
            networks[kind] = network
    filters = {k: gram_matrices.filters_of(v) for k, v in networks.items()}
    title = f"{_title(command)}: |cosines| of filters"
    yield gram_matrices.draw(filters, title)


def _joint(command):
    seeds = range(command.seed, command.seed + _SEEDS)
    rows = joint_selection.studies(seeds)
    title = "Patches of digits of which all units select the joint optimum"
    yield joint_selections.draw(rows, title)


FIGURES = {
    "nonlinearities": lambda command: [
        nonlinearities.draw(entropy) for entropy in choices.ENTROPIES
    ],
    "unit": lambda command: [unit_partition.hard(command.seed)],
    "soft": lambda command: [unit_partition.soft(command.seed)],
    "layer": _layers,
    "prior": _prior,
    "gram": _gram,
    "joint": _joint,
}


def _title(command):
    """Which networks are drawn: those of a run, or of the digits."""
    if not command.run_dir:
        return f"{digits_network.LABEL} on digits"
    part = f", {command.network} network" if _is_gated(command) else ""
    return f"{command.config.model} on {command.config.dataset}{part}"


def _is_gated(command):
    return not command.config.model.endswith("_dnn")


def _nonlinearity(command):
    """Slopes of the network that is looked at, as `network_prior` has them.

    Networks that multiply by gates count as ReLU ones.
    """
    config = command.config
    if _is_gated(command) and command.network == "value":
        return {}
    # The prior is that of the hard function: of swish the ReLU.
    kind = ACTIVATIONS[config.activation].limit if config.activation else "relu"
    if kind is None:
        raise UserError(
            "Expected a nonlinearity that is or tends to a piecewise linear "
            "one, of which the prior is. Received: activation="
            f"{config.activation}"
        )
    slope = config.activation_slope
    found = {"activation": kind}
    return found if slope is None else {**found, "negative_slope": slope}


def _states_of_run(command):
    """Networks of a run by label: initial, at each snapshot, newest.

    The initial one is left out where it came from elsewhere and there is no
    snapshot of it.
    """
    directory, config = RunDirectory(command.run_dir), command.config
    newest, _, last = runs.load_run(command.run_dir)
    found = {}
    drawn = not (config.init_from or config.gates_from)
    if drawn and not directory.snapshot(0).exists():
        model = configured.create_configured_model(config)
        found["step 0"] = _part(command, model)
    for step, path in directory.kept_models().items():
        if last is None or step < last:
            model = trained.load_trained(path, like=command.config)
            found[f"step {step:,}"] = _part(command, model)
    now = "newest" if last is None else f"step {last:,}"
    found[now] = _part(command, newest)
    return found


def _part(command, model):
    """The network of a model that is looked at."""
    networks = single_networks(model)
    return networks.get("network") or networks[command.network]

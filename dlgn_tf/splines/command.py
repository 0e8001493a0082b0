"""What `python -m dlgn_tf.splines` draws, figure by figure."""

import dataclasses

from dlgn_tf.command.progress import Progress
from dlgn_tf.config import Config
from dlgn_tf.errors import UserError
from dlgn_tf.models.activations import ACTIVATIONS
from dlgn_tf.models.classifier import single_networks
from dlgn_tf.splines import digits_network
from dlgn_tf.splines import plane_network
from dlgn_tf.splines.drawings import gram_matrices
from dlgn_tf.splines.drawings import layer_partition
from dlgn_tf.splines.drawings import nonlinearities
from dlgn_tf.splines.drawings import output
from dlgn_tf.splines.drawings import priors
from dlgn_tf.splines.drawings import unit_partition
from dlgn_tf.training import configured
from dlgn_tf.training import runs
from dlgn_tf.training import trained
from dlgn_tf.training.run_directory import RunDirectory

_EPOCHS = 10


@dataclasses.dataclass(frozen=True)
class Task:
    """What is drawn, and of what.

    Attributes:
        output: Path-like, where it is written.
        seed: Integer.
        run_dir: Path-like of a run, or None: networks are trained meanwhile.
        config: `Config` of the run, or None.
        network: `"gating"` or `"value"`, of a gated network.
    """

    output: str
    seed: int
    run_dir: str | None = None
    config: Config | None = None
    network: str = "gating"


def draw(task, names):
    """Draws figures and writes each as soon as it is drawn.

    Args:
        task: `Task`.
        names: Keys of `FIGURES`.
    """
    progress = Progress("splines", 0, len(names), "figure")
    for position, name in enumerate(names, start=1):
        for picture in FIGURES[name](task):
            output.save(picture, task.output)
        progress.update(position, {"figure": name}, line=True)
    print(f"pictures and their numbers (.csv) are in {task.output}")


def _layers(task):
    for data in plane_network.DATA:
        yield layer_partition.draw(data, task.seed)


def _prior(task):
    if task.run_dir:
        states, title = _states_of_run(task), _title(task)
        nonlinearity = _nonlinearity(task)
    else:
        nonlinearity = {}
        network = digits_network.create(task.seed)
        before = digits_network.create(task.seed)
        digits_network.train(network, task.seed, _EPOCHS)
        states = {"before training": before, "after training": network}
        title = f"c4gap of width {digits_network.WIDTH} on digits"
    title = f"{title}: prior of the active region"
    yield priors.draw(states, title, **nonlinearity)


def _gram(task):
    if task.run_dir:
        states, title = _states_of_run(task), _title(task)
        labels = list(states)
        networks = {label: states[label] for label in (labels[0], labels[-1])}
    else:
        networks = {"before": digits_network.create(task.seed)}
        for kind in digits_network.KINDS:
            network = digits_network.create_kind(kind, task.seed)
            digits_network.train(network, task.seed, _EPOCHS)
            networks[kind] = network
        title = f"c4gap of width {digits_network.WIDTH} on digits"
    filters = {k: gram_matrices.filters_of(v) for k, v in networks.items()}
    yield gram_matrices.draw(filters, f"{title}: |cosines| of filters")


FIGURES = {
    "nonlinearities": lambda task: [nonlinearities.draw()],
    "unit": lambda task: [unit_partition.hard(task.seed)],
    "soft": lambda task: [unit_partition.soft(task.seed)],
    "layer": _layers,
    "prior": _prior,
    "gram": _gram,
}


def _title(task):
    part = f", {task.network} network" if _is_gated(task) else ""
    return f"{task.config.model} on {task.config.dataset}{part}"


def _is_gated(task):
    return not task.config.model.endswith("_dnn")


def _nonlinearity(task):
    """Slopes of the network that is looked at, as `network_prior` has them.

    Networks that multiply by gates count as ReLU ones.
    """
    config = task.config
    if _is_gated(task) and task.network == "value":
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


def _states_of_run(task):
    """Networks of a run by label: initial, at each snapshot, newest.

    The initial one is left out where it came from elsewhere and there is no
    snapshot of it.
    """
    directory, config = RunDirectory(task.run_dir), task.config
    newest, _, last = runs.load_run(task.run_dir)
    found = {}
    drawn = not (config.init_from or config.gates_from)
    if drawn and not directory.snapshot(0).exists():
        model = configured.create_configured_model(config)
        found["step 0"] = _part(task, model)
    for step, path in directory.kept_models().items():
        if step < last:
            model = trained.load_trained(path, like=task.config)
            found[f"step {step:,}"] = _part(task, model)
    found[f"step {last:,}"] = _part(task, newest)
    return found


def _part(task, model):
    """The network of a model that is looked at."""
    networks = single_networks(model)
    return networks.get("network") or networks[task.network]

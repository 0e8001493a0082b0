"""From training flags to a `Config`: every gap filled in. Nothing heavy."""

import dataclasses
import os
import pathlib

from absl import flags as absl_flags

from dlgn_tf.command import fields, startup
from dlgn_tf.config import cluster, gates, orthogonal_filters, schedule
from dlgn_tf.config.config import Config, TrainingFlags
from dlgn_tf.config.network import ARCHITECTURE_FLAGS, Network
from dlgn_tf.config.recipes import recipe_for
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.models import activations, objectives, registry, user_networks
from dlgn_tf.output import run_names


def from_flags(*words):
    """The `Config` of words of a command line, such as `"--width=3"`.

    Raises:
        absl.flags.Error: if one is no training flag or has no such value.
        UserError: if the flags name what there is not, or contradict each
            other.
    """
    return resolve(fields.parse(TrainingFlags, words))


def read_flags(path, more=(), measured=None, network=None):
    """Reads a flagfile of training flags into a `Config`.

    Args:
        path: Path-like.
        more: Strings, further flags, which win over those of the file.
        measured: See `resolve`.
        network: See `resolve`.

    Raises:
        UserError: if it cannot be read or holds what cannot work.
    """
    try:
        given = fields.parse(TrainingFlags, [f"--flagfile={path}", *more])
    except absl_flags.Error as error:
        raise UserError(
            f"Expected a flagfile of training flags. Received: {path}, {error}"
        ) from error
    return resolve(given, measured, network)


def resolve_network(network):
    """As `resolve`, of a `Network`, with the defaults of all other flags."""
    given = {name: getattr(network, name) for name in fields.of(Network)}
    return resolve(TrainingFlags(**given))


def resolve(given, measured=None, network=None):
    """Fills in what training flags leave open.

    What nobody below answers for is taken as it was given.

    Args:
        given: `TrainingFlags`.
        measured: `DatasetInfo` of images that are none of the catalogue's;
            None where they are to be measured.
        network: Description of a network of one's own, see `user_networks`;
            None where it is to be read, from its file or else from the run.

    Returns:
        `Config` without gaps: `to_flags` gives it again.

    Raises:
        UserError: if the flags name what there is not, or contradict each
            other.
    """
    if not network:
        network = _network(given)
        if network and not given.init_from:
            network = user_networks.thawed(network)
    architecture, family = registry.parse(given.model, network)
    own = catalog.own_of(given, measured)
    dataset = own.measured() if own else catalog.get(given.dataset)
    recipe = recipe_for(architecture.recipe, given.optimizer)
    if network and user_networks.rescales(network):
        recipe = dataclasses.replace(recipe, normalization="none")
    given = _with_recipe(given, recipe, own, dataset)
    images = _images(given, dataset, recipe)
    options = _architecture(given, architecture, family)
    architecture.check_image_shape(dataset.image_shape, options)
    of_gates = gates.resolve(given, architecture, family, options)
    members = options["members"] or 1
    _check_devices(given)
    if family == "dnn" or of_gates["gate_regime"] != "joint":
        what = "on a gating network that is not trained"
        fields.refuse_given({"gating_rate": given.gating_rate}, what)
    if given.teacher and (given.regression or members > 1):
        fields.refuse("teacher", "one network of classes", given.teacher)
    passed = {name: getattr(given, name) for name in fields.of(Config)}
    return Config(
        **{
            **passed,
            "run_dir": given.run_dir or _run_dir(given),
            "measured": dataset if own else None,
            "network": network,
            "loss": objectives.resolve(
                given.loss,
                bool(given.regression),
                dataset.classes,
                _loss_of(given, network),
                members,
            ),
            **images,
            **options,
            **of_gates,
            **activations.resolve(
                family,
                given.activation_options(),
                members,
                architecture.gate_sites,
            ),
            **schedule.resolve(given, recipe, images["train_examples"]),
            **orthogonal_filters.resolve(
                given, family, of_gates["gate_regime"], members
            ),
            **_seeds(given),
        }
    )


def _run_dir(given):
    dataset = given.dataset.replace(":", "-").replace("/", "-")
    model = registry.called(given.model).removeprefix(user_networks.CALLED)
    return f"runs/{model}-{dataset}"


def _network(given):
    """The description of a network of one's own, or None."""
    own = user_networks.split(given.model)
    if own is None:
        return None
    path, _ = own
    kept = pathlib.Path(given.run_dir or _run_dir(given), run_names.NETWORK)
    # The run goes on when the file has gone.
    if not os.path.exists(path) and (found := user_networks.kept(kept)):
        return found
    return user_networks.read(path)


def _loss_of(given, network):
    """The loss of classes where none is given."""
    asked = given.loss or given.regression
    if asked or not (network and user_networks.mentions_sigmoid(network)):
        return "crossentropy"
    startup.import_keras()
    one = user_networks.ends_in_one_sigmoid(network)
    return "logistic" if one else "crossentropy"


def _with_recipe(given, recipe, own, dataset):
    """The flags, with what the recipe says whatever else is given."""
    if given.regression:
        if given.balanced_batches:
            fields.refuse("balanced_batches", "none with --regression", True)
        recipe = dataclasses.replace(recipe, balanced_batches=False)
    if own:
        # Wherever it lies; and on whatever scale images are.
        path = "npz" if given.npz else "data_dir"
        given = dataclasses.replace(given, **{path: own.path})
    measured = own or dataset.dtype == "float32"
    if measured and recipe.normalization == "unit":
        recipe = dataclasses.replace(recipe, normalization="dataset")
    names = "optimizer", "batch_size", "l2", "normalization", "balanced_batches"
    gaps = [name for name in names if getattr(given, name) is None]
    return dataclasses.replace(given, **{x: getattr(recipe, x) for x in gaps})


def _images(given, dataset, recipe):
    """Which images are seen, and what becomes of them."""
    if given.normalization == "imagenet" and dataset.image_shape[-1] != 3:
        raise UserError(
            "Expected colour images with --normalization=imagenet. Received: "
            f"--dataset={dataset.name}, of shape {dataset.image_shape}"
        )
    augmentation = dataset.augmentation if recipe.augment else "none"
    return {
        "train_examples": _train_examples(given, dataset),
        "augmentation": given.augmentation or augmentation,
    }


def _seeds(given):
    seeds = {"seed": given.seed, "weights_seed": given.weights_seed}
    if given.weights_seed is None:
        seeds["weights_seed"] = given.seed
    for name, seed in seeds.items():
        if seed >= 2**64:
            raise UserError(
                f"Invalid --{name}. Expected a number below 2**64. "
                f"Received: {seed}"
            )
    return seeds


def _train_examples(given, dataset):
    """How many training images are used, all of them by default."""
    wanted = given.train_examples
    # Whoever reads an .npz looks again; a run's may lie elsewhere by now.
    if wanted and (given.npz or wanted <= (dataset.train_examples or 0)):
        return wanted
    place = {"data_dir": given.data_dir, "npz_file": given.npz}
    if dataset.is_own:
        available = dataset.train_examples
    else:
        available = catalog.examples(dataset.name, **place)["train"]
    if available is None:
        catalog.check_available(dataset.name, download=given.download, **place)
        if not wanted:
            raise UserError(
                f"Expected --train_examples=N for {dataset.name}, whose size "
                "is not known before it is there. Received: none"
            )
    elif (wanted or 1) > available:
        raise UserError(
            f"Invalid --train_examples. Expected at most {available}, the "
            f"training images of {dataset.name}. Received: {wanted}"
        )
    return wanted or available


def _architecture(given, architecture, family):
    """Each of `ARCHITECTURE_FLAGS`, None where it has no meaning."""
    options = given.architecture_options()
    architecture.check_ensemble(family, options)
    resolved = architecture.resolve(options)
    if family != "dnn":
        resolved.pop("members", None)
    if resolved.get("members", 1) == 1:
        resolved.pop("ensemble_rule", None)
    return {
        name: resolved.get(name) if name in architecture.options else None
        for name in ARCHITECTURE_FLAGS
    }


def _check_devices(given):
    several = given.strategy in ("mirrored", "multi_worker")
    permuted = given.gate_permutation == "all"
    if permuted and given.strategy == "multi_worker":
        raise UserError(
            "--gate_permutation=all trains many runs in one process. Expected "
            "another --strategy. Received: --strategy=multi_worker"
        )
    for bad, why in (
        (several, f"--strategy={given.strategy}, only on one replica"),
        (given.deterministic, "--deterministic"),
    ):
        if given.xla and bad:
            raise UserError(
                f"--xla cannot work with {why}. Expected one of the two. "
                "Received: both"
            )


def check_environment(config):
    """Raises a `UserError` if training lacks what it needs around it.

    Or if it cannot do what it is asked for: what an earlier run was is read all
    the same.

    Args:
        config: `Config`.
    """
    vectors = config.info.image_shape[:2] == (1, 1)
    if vectors and config.augmentation != "none":
        fields.refuse("augmentation", "none of vectors", config.augmentation)
    if config.dataset == "folder" and _would_be_class(config):
        # The run could not go on: its data would be others.
        expected = "a folder that is none of the classes in --data_dir"
        fields.refuse("run_dir", expected, config.run_dir)
    if config.strategy != "multi_worker":
        return
    cluster.check_cluster()


def _would_be_class(config):
    """Whether a run's folder would lie among those of the classes."""
    data = os.path.realpath(config.data_dir)
    inside = os.path.relpath(os.path.realpath(config.run_dir), data)
    first = inside.split(os.sep)[0]
    split = os.path.isdir(os.path.join(data, "train"))
    # One that begins with a point is none of the classes.
    hidden = split or first.startswith(".")
    return inside == os.curdir or not hidden

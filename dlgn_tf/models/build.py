"""From a model's name to the model."""

import difflib
import functools
import inspect
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from dlgn_tf import presets
from dlgn_tf.choices import INITIALIZERS, LOSSES
from dlgn_tf.errors import UserError, check_choice
from dlgn_tf.layers import Gate, PerImageStandardization, PixelNormalization
from dlgn_tf.models import activations, objectives, registry, saved, sites
from dlgn_tf.models.applied import Applied, two_networks
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.models.ensemble import EnsembleNetwork
from dlgn_tf.models.gated import GatedNetwork, copy_weights
from dlgn_tf.models.head import Head
from dlgn_tf.models.layout import channels_last
from dlgn_tf.models.orthogonal import with_orthogonal_filters
from dlgn_tf.models.orthogonal_options import OrthogonalFilters
from dlgn_tf.models.own_gates import OwnGates
from dlgn_tf.models.relu import ReLUNetwork
from dlgn_tf.models.seeds import initial_weights_from
from dlgn_tf.output import run_names


@channels_last()
def create_model(
    name: str,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    *,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    per_image: bool = False,
    gate: str | None = None,
    beta: float | None = None,
    epsilon: float | None = None,
    value_input: str | None = None,
    gate_regime: str | None = None,
    gate_permutation: Sequence[int] | None = None,
    activation: str | None = None,
    activation_beta: float | None = None,
    activation_beta_mode: str | None = None,
    activation_slope: float | None = None,
    activation_entropy: str | None = None,
    orthogonal: OrthogonalFilters | str | None = None,
    loss: str = "crossentropy",
    targets: tuple[Sequence[float], Sequence[float]] | None = None,
    initializer: str = "published",
    seed: int | None = None,
    network: Any = None,
    **options: Any,
) -> ImageClassifier:
    """Builds a model of the zoo, or of a Keras model of one's own.

    Example:

    >>> model = create_model("c4gap_dlgn", (8, 8, 1), width=16, seed=0)
    >>> model(numpy.zeros((2, 8, 8, 1), "uint8")).shape
    TensorShape([2, 10])

    Args:
        name: String, ARCHITECTURE_FAMILY, as listed by
            `dlgn_tf.models.registry.names()`; or keras:PATH_FAMILY, of the
            Keras model in a .keras file (see `dlgn_tf.from_keras`).
        image_shape: Tuple `(height, width, channels)`.
        classes: Integer >= 1. Number of logits, or of targets of a regression.
        mean: Float or sequence, see `PixelNormalization`.
        std: Float or sequence, see `PixelNormalization`.
        per_image: Boolean, whether every image is put on a scale of its own
            instead, see `PerImageStandardization`.
        gate: One of `dlgn_tf.gate_kinds.GATES`, see `Gate`; `"own"` is what
            the nonlinearity at the site multiplies by. Defaults to `"soft"`
            where gates are learned jointly, to `"hard"` where they are frozen.
        beta: Float, see `Gate`. Defaults to the architecture's.
        epsilon: Float, see `Gate`. Defaults to the architecture's.
        value_input: `"image"` or `"ones"`, see `GatedNetwork`. Defaults to
            `"ones"` for dlgn_sf (assumed; the paper does not say) and to
            `"image"` otherwise.
        gate_regime: How gates are learned: `"joint"`, together with the values;
            `"frozen_random"`, not at all; `"frozen_dependent"`, not at all,
            and the gating network starts as a copy of the value network;
            `"frozen_learned"`, elsewhere: the gating network is frozen, and
            `dlgn_tf.models.transfer.copy_gates` fills it. Hard gates pass no
            gradient, so they cannot be learned jointly. Defaults to `"joint"`,
            or to `"frozen_random"` where `gate` passes no gradient. Source: the
            neural path kernel paper (arXiv 2006.10529), its FRNPF (II), FRNPF
            (DI), FLNPF and DNPFL.
        gate_permutation: Sequence of integers or None, see `GatedNetwork`.
        activation: Name of the nonlinearity, of `dlgn_tf.models.activations`,
            in a dnn or the gating network of a dgn. Defaults to `"relu"`.
        activation_beta: Float in [0, 1], see `BetaVQ`. Defaults to `0.5`.
        activation_beta_mode: See `BetaVQ`. Defaults to `"per_layer"`.
        activation_slope: Float, see `BetaVQ`. Defaults to `0.01`.
        activation_entropy: See `BetaVQ`. Defaults to `"shannon"`.
        orthogonal: `dlgn_tf.models.orthogonal_options.OrthogonalFilters`, or
            the name of a reparametrisation, with its defaults; None for plain
            kernels. Raw kernels start as the plain ones of this
            seed.
        loss: What training makes small: `"crossentropy"`; `"logistic"`, of two
            classes, whose logits (-z, z) are made of one output z (of a Keras
            model of one's own (-z/2, z/2), as z was that of a sigmoid);
            `"squared"`, the mean squared error of numbers.
        targets: Of a regression mean and standard deviation of each target, in
            whose units the model says its numbers; None for 0 and 1. A Keras
            model of one's own says them by itself.
        initializer: `"pytorch"`, all kernels and biases are uniform in
            +-1/sqrt(fan_in), or `"published"`, as the architecture has them.
        seed: Integer from which all initial weights follow, or None. Member i
            of an ensemble starts as the network of `seed + i`.
        network: Of a Keras model, what `dlgn_tf.models.user_networks.read`
            returned, in place of the file.
        **options: Options of the architecture, see
            `dlgn_tf.models.architecture.Architecture.options`; its defaults are
            as published.

    Returns:
        `ReLUNetwork` for family dnn, `EnsembleNetwork` if it has several
        members, `GatedNetwork` for the other families.

    Raises:
        UserError: if there is no such model or option, the images are too
            small for it, or gates cannot be learned or permuted so, or it has
            no such nonlinearity, or no such loss for its outputs.
        ValueError: if `mean` or `std` do not fit the channels, or are given
            with `per_image`.
    """
    architecture, family = registry.parse(name, network)
    name = f"{architecture.name}_{family}"
    options = _resolved(architecture, family, options, image_shape)
    members = options.pop("members", 1)
    orthogonal = _orthogonal(orthogonal, family, gate_regime, members)
    rule = options.pop("ensemble_rule", None)
    head = _head(architecture, loss, classes, members, targets)
    of_images = image_shape, classes, options
    apply = _applied(architecture, *of_images, head, initializer)
    of_choice = activation_beta, activation_beta_mode, activation_slope
    given = activation, *of_choice, activation_entropy
    nonlinearity = _nonlinearity(architecture, family, given, members)
    normalization = _normalization(mean, std, per_image, image_shape)
    gates = _given(
        gate=gate,
        value_input=value_input,
        gate_regime=gate_regime,
        gate_permutation=gate_permutation,
        beta=beta,
        epsilon=epsilon,
    )
    if family == "dnn":
        _refuse_gates(name, gates)
        of_all = apply, normalization, nonlinearity, name, orthogonal
        if members == 1:
            return relu_network(*of_all, seed, architecture.network_description)
        return _ensemble(of_all, members, rule, seed)
    of_both = apply, family, nonlinearity, orthogonal
    make = functools.partial(two_networks, *of_both)
    of_gated = normalization, architecture, family, seed, head.objective
    return _gated_network(make, *of_gated, **gates)


def _applied(architecture, image_shape, classes, options, head, initializer):
    check_choice("initializer", initializer, INITIALIZERS)
    of_builder = architecture.function(), image_shape, classes, options
    return Applied(*of_builder, head, initializer)


def _nonlinearity(architecture, family, given, members):
    return activations.resolve(
        family,
        dict(zip(activations.OPTIONS, given, strict=True)),
        members,
        architecture.gate_sites,
    )


def _ensemble(of_all, members, rule, seed):
    seeds = [None] * members if seed is None else range(seed, seed + members)
    networks = [relu_network(*of_all, each) for each in seeds]
    return EnsembleNetwork.of(networks, rule, networks[0].name)


def _head(architecture, loss, classes, members, targets):
    check_choice("loss", loss, LOSSES)
    objectives.resolve(loss, loss == "squared", classes, members=members)
    objective = objectives.of_targets(loss, targets[1] if targets else ())
    own = architecture.network_description is not None
    return Head(objective, own, targets)


def _resolved(architecture, family, given, image_shape):
    """All arguments of the architecture's builder, checked."""
    _check_arguments(given)
    architecture.check_ensemble(family, given)
    options = architecture.resolve(given)
    architecture.check_image_shape(image_shape, options)
    return options


def _check_arguments(options):
    """Names the argument that was meant, such as image_shape by input_shape."""
    own = [*inspect.signature(create_model).parameters][:-1]
    known = [entry.options for entry in registry.ARCHITECTURES.values()]
    for option in {*options}.difference(*known):
        near = difflib.get_close_matches(option, own)
        if near:
            raise UserError(
                f"Expected {' or '.join(near)} in a call of create_model. "
                f"Received: {option}={options[option]}"
            )


def _orthogonal(orthogonal, family, gate_regime, members):
    if isinstance(orthogonal, str):
        orthogonal = OrthogonalFilters(orthogonal)
    if orthogonal:
        orthogonal.check_model(family, gate_regime, members)
    return orthogonal


def _normalization(mean, std, per_image, image_shape):
    if per_image:
        if np.ndim(mean) or np.ndim(std) or (mean, std) != (0.0, 1.0):
            raise ValueError(
                "Expected no mean and std with per_image: every image has its "
                f"own. Received: mean={mean}, std={std}"
            )
        return PerImageStandardization(name="normalization")
    normalization = PixelNormalization(mean, std, name="normalization")
    normalization.build((None, *image_shape))
    return normalization


def _start_gates(gating_network, value_network, regime, site_names):
    """Sets up a new gating network as its regime asks, in place."""
    if regime == "frozen_dependent":
        # Weights of nonlinearities, which it lacks, stay as they start.
        own = [
            sites.activation_layer(site, activation)
            for site in site_names
            for activation in activations.ACTIVATIONS
        ]
        copy_weights(value_network, gating_network, except_for=own)
    if regime != "joint":
        # Else as it is: layers that a user has frozen stay so.
        gating_network.trainable = False


def _gated_network(
    create_networks,
    normalization,
    architecture,
    family,
    seed,
    objective,
    gate=None,
    value_input=None,
    gate_regime=None,
    gate_permutation=None,
    **steepness,
):
    regime, gate = registry.resolve_gates(family, gate_regime, gate)
    published = {
        "beta": architecture.gate_beta,
        "epsilon": architecture.gate_epsilon,
    }
    value_input = value_input or registry.default_value_input(family)
    with initial_weights_from(seed):
        gating_network, value_network, made = create_networks(
            constant=value_input == "ones"
        )
    _start_gates(gating_network, value_network, regime, made.names)
    if gate == "own":
        shapes = [each.shape[1:] for each in made.gates]
        gates = OwnGates.of(made.own_nonlinearities(), shapes)
        _check_learned(gates, regime)
    else:
        gates = Gate(gate, **{**published, **steepness}, name="gate")
    return GatedNetwork(
        gating_network,
        value_network,
        gates,
        normalization,
        made.names,
        value_input,
        gate_permutation,
        description=architecture.network_description,
        objective=objective.arguments,
        name=f"{architecture.name}_{family}",
    )


def _check_learned(gates, regime):
    """Raises a `UserError` if gates shall be learned that pass no gradient."""
    if regime == "joint" and all(x.function.indicator for x in gates.gates):
        raise UserError(
            "The gates of ReLUs pass no gradient. Expected soft gates where "
            "they are learned jointly. Received: gate=own, gate_regime=joint"
        )


def relu_network(
    apply, normalization, activation, name, orthogonal, seed, description=None
):
    """A `ReLUNetwork` of what is `Applied`."""
    site = sites.Activate(activation)
    with initial_weights_from(seed):
        network = apply(site, "network")
        if orthogonal:
            network = with_orthogonal_filters(network, orthogonal)
    return ReLUNetwork(
        network,
        normalization,
        site.names,
        description=description,
        objective=apply.head.objective.arguments,
        name=name,
    )


def _given(**options):
    return {name: v for name, v in options.items() if v is not None}


def _refuse_gates(name, given):
    if given:
        raise UserError(
            f"Expected no option of gates for {name}, which gates itself. "
            f"Received: {given}"
        )


def redrawn(model: ImageClassifier, seed: int | None) -> ImageClassifier:
    """A model of the zoo with new initial weights, see `create_model`.

    Those of an ensemble are as published, whatever `initializer` it had.
    """
    if isinstance(model, EnsembleNetwork):
        # Its layers start at 0: a clone would have no weights of its own.
        made = create_model(
            model.name,
            model.image_shape,
            model.classes,
            seed=seed,
            members=model.members,
            width=model.network.get_layer("conv1").filters,
            kernel_size=model.network.get_layer("conv1").kernel_size,
        )
        return model.with_networks(lambda _: made.network)
    with initial_weights_from(seed):
        return model.with_networks(keras.models.clone_model)


def load_model(path: str | os.PathLike) -> ImageClassifier:
    """Reads a model of the zoo from a .keras file.

    As `keras.models.load_model` does, see `dlgn_tf.registration`.

    Args:
        path: Path-like, such as RUN_DIR/model.keras; or `"preset:NAME"`, see
            `dlgn_tf.presets`.

    Returns:
        `ImageClassifier`.

    Raises:
        UserError: if there is no such preset, or no model that can be read.
    """
    if presets.is_one(path):
        path = pathlib.Path(presets.resolved(path), run_names.MODEL)
    return saved.load(path, "a model of the zoo")

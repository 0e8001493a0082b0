"""The training flags and the frozen `Config` that they become.

Imports neither TensorFlow nor Keras, so that `--help` and a wrong flag answer
at once. Library code takes a `Config` or plain arguments; only entry points
read flags.
"""

import dataclasses
import json
import math
import os
import re

from absl import flags

from dlgn_tf import orthogonal_flags
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.models import activations
from dlgn_tf.models import registry
from dlgn_tf.models.orthogonal_options import OrthogonalFilters
from dlgn_tf.recipes import NORMALIZATIONS
from dlgn_tf.recipes import recipe_for

STRATEGIES = ("auto", "single", "mirrored", "multi_worker")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")

ARCHITECTURE_FLAGS = (
    "width",
    "depth",
    "kernel_size",
    "head_width",
    "pooling",
    "block",
    "shortcut",
    "padding",
    "biases",
    "block_depth",
    "batch_normalized",
    "apodized",
    "norm",
    "grayscale",
    "skip",
    "unit_norm",
    "members",
    "ensemble_rule",
)
GATE_FLAGS = (
    "gate_regime",
    "gates_from",
    "gate",
    "gate_beta",
    "gate_epsilon",
    "gate_permutation",
    "value_input",
)
# More runs than those of five sites, 5! - 1, nobody waits for.
MOST_PERMUTED_SITES = 5

# Flags that describe the model and where it came from, see
# `Config.model_flags`.
MODEL_FLAGS = (
    "model",
    "dataset",
    *ARCHITECTURE_FLAGS,
    *GATE_FLAGS,
    *activations.OPTIONS,
    *orthogonal_flags.MODEL_FLAGS,
    "init_from",
    "normalization",
)

_MOST_STEPS = 2**31 - 1

# Learning rate where --optimizer is not the one of the architecture's recipe.
_PLAIN_LEARNING_RATE = {"sgd": 0.01, "adam": 0.001}


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that decides what a run does; one field a flag.

    None stands for "has no meaning here": an option that the architecture
    lacks, the gate of a ReLU network, the momentum of Adam. `gate_permutation`
    is None where each site has its own gate, and `"all"` stands for one run a
    permutation.
    """

    model: str
    dataset: str
    run_dir: str
    data_dir: str | None
    download: bool
    npz: str | None
    train_examples: int
    width: int | None
    depth: int | None
    kernel_size: int | None
    head_width: int | None
    pooling: str | None
    block: str | None
    shortcut: str | None
    padding: str | None
    biases: bool | None
    block_depth: int | None
    batch_normalized: bool | None
    apodized: bool | None
    norm: str | None
    grayscale: bool | None
    skip: bool | None
    unit_norm: bool | None
    members: int | None
    ensemble_rule: str | None
    gate_regime: str | None
    gates_from: str | None
    gate: str | None
    gate_beta: float | None
    gate_epsilon: float | None
    gate_permutation: tuple[int, ...] | str | None
    value_input: str | None
    activation: str | None
    activation_beta: float | None
    activation_beta_mode: str | None
    activation_slope: float | None
    init_from: str | None
    normalization: str
    augmentation: str
    balanced_batches: bool
    optimizer: str
    learning_rates: tuple[float, ...]
    boundaries: tuple[int, ...]
    momentum: float | None
    nesterov: bool | None
    l2: float
    orthogonality_penalty: float
    orthogonality_reduction: str | None
    orthogonality_slopes: tuple[float, ...] | None
    orthogonal_reparametrization: str
    orthogonal_scale: str | None
    orthogonal_overcomplete: str | None
    orthogonal_networks: str | None
    batch_size: int
    train_steps: int
    seed: int
    weights_seed: int
    strategy: str
    batch_norm: str
    mixed_precision: str
    xla: bool
    deterministic: bool
    steps_per_loop: int | None
    log_every: int
    eval_every: int
    eval_batch_size: int
    checkpoint_every: str
    keep_checkpoints: int
    snapshot_every: int | None

    def architecture_options(self):
        """Options of the architecture as a dict."""
        given = {name: getattr(self, name) for name in ARCHITECTURE_FLAGS}
        return {k: v for k, v in given.items() if v is not None}

    def activation_options(self):
        """Options of the nonlinearity as a dict."""
        return {name: getattr(self, name) for name in activations.OPTIONS}

    def orthogonal_filters(self):
        """`OrthogonalFilters`, or None where kernels are plain."""
        if self.orthogonal_reparametrization == "none":
            return None
        return OrthogonalFilters(
            self.orthogonal_reparametrization,
            self.orthogonal_scale,
            self.orthogonal_overcomplete,
            self.orthogonal_networks,
        )

    def model_flags(self):
        """Names of the flags that must not change within a run directory.

        A penalty may come and go, and which networks it is for.
        """
        if self.orthogonal_filters():
            return MODEL_FLAGS
        return tuple(f for f in MODEL_FLAGS if f != "orthogonal_networks")

    def recipe(self):
        """The recipe whose values the defaults are."""
        architecture, _ = registry.parse(self.model)
        return recipe_for(architecture.recipe, self.optimizer)

    def to_flags(self):
        """The flags, one a line, that give this very `Config` again."""
        lines = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None or value == ():
                continue
            if isinstance(value, bool):
                lines.append(f"--{'' if value else 'no'}{field.name}")
            elif isinstance(value, tuple):
                lines.append(f"--{field.name}={','.join(map(str, value))}")
            else:
                lines.append(f"--{field.name}={value}")
        return "\n".join(lines) + "\n"


def define_flags(flag_values=flags.FLAGS):
    """Defines the training flags.

    Args:
        flag_values: `absl.flags.FlagValues` that takes them.
    """
    flags.DEFINE_bool(
        "list_models",
        False,
        "Print names, parameter counts and descriptions of all models; exit.",
        flag_values=flag_values,
    )
    define_network_flags(flag_values)
    _define_data_flags(flag_values)
    _define_training_flags(flag_values)
    orthogonal_flags.define_training_flags(flag_values)
    _define_loop_flags(flag_values)


def define_network_flags(flag_values=flags.FLAGS):
    """Defines those training flags that say which model sees which images.

    Args:
        flag_values: `absl.flags.FlagValues` that takes them.
    """
    _define_model_flags(flag_values)
    _define_gate_flags(flag_values)
    _define_activation_flags(flag_values)
    orthogonal_flags.define_model_flags(flag_values)
    _define_dataset_flags(flag_values)


def network_flags():
    """Names of the flags that `define_network_flags` defines."""
    values = flags.FlagValues()
    define_network_flags(values)
    return list(values)


def _define_model_flags(values):
    recipe = "Default: as published for the architecture."
    flags.DEFINE_string(
        "model",
        "c4gap_dlgn",
        "ARCHITECTURE_FAMILY, one of those that "
        "python -m dlgn_tf.train --list_models prints.",
        flag_values=values,
    )
    for name, meaning in (
        ("width", "Units or filters of the first layers."),
        ("depth", "Weight layers; convolutions for c1gap to vconv."),
        ("kernel_size", "Side of the filters of c1gap and c4gap."),
        ("head_width", "Units of the hidden dense layers of gconv, vconv."),
        ("block_depth", "Weight layers of a block of fcresnet."),
        (
            "members",
            "Networks of an ensemble (c1gap_dnn only), trained at once on the "
            "same batches; the i-th starts from weights_seed + i.",
        ),
    ):
        flags.DEFINE_integer(
            name, None, f"{meaning} {recipe}", 1, flag_values=values
        )
    for name, choices, meaning in (
        (
            "pooling",
            ["average", "max"],
            "Pooling of the VGGs and of smallcnn.",
        ),
        (
            "block",
            ["original", "preactivated", "bottleneck"],
            "Block of the ResNets.",
        ),
        ("shortcut", ["A", "B"], "Shortcut of the ResNets."),
        (
            "padding",
            ["same", "circular", "valid"],
            "What c1gap, c4gap and gconv see beyond the edge of an image: "
            "zeros (same), or the image continued from its other edge "
            "(circular). largecnn and smallcnn have it published with "
            "convolutions that see nothing there (valid); with same, smaller "
            "images will do.",
        ),
        (
            "norm",
            ["none", "pre", "post"],
            "Where batch normalisation stands: before the gates of a ResNet "
            "(pre), or behind them and without learned parameters (post); mlp "
            "and plaincnn have none, or the latter.",
        ),
        (
            "ensemble_rule",
            list(registry.ENSEMBLE_RULES),
            "What of its members an ensemble takes the mean of (assumed).",
        ),
    ):
        flags.DEFINE_enum(
            name, None, choices, f"{meaning} {recipe}", flag_values=values
        )
    flags.DEFINE_bool(
        "biases",
        None,
        "Whether layers of fc, fcresnet, c1gap, c4gap and gconv have biases. "
        "Default: as published; fcresnet has none.",
        flag_values=values,
    )
    for name, meaning in (
        ("batch_normalized", "are followed by batch normalisation"),
        ("apodized", "have filters that fade towards their edge"),
    ):
        flags.DEFINE_bool(
            name,
            None,
            f"Whether convolutions of largecnn and smallcnn {meaning}. "
            "Default: no (assumed).",
            flag_values=values,
        )
    for name, meaning in (
        ("grayscale", "mlp and plaincnn see colours as grey."),
        (
            "skip",
            "scattering networks keep wavelet coefficients beside their "
            "moduli.",
        ),
        (
            "unit_norm",
            "channels of scattering networks have norm 1 at every pixel.",
        ),
    ):
        flags.DEFINE_bool(
            name, None, f"Whether {meaning} {recipe}", flag_values=values
        )
    flags.DEFINE_string(
        "init_from",
        None,
        "Where all weights come from: a run directory (its best.keras), a "
        ".keras file or, for a dnn, the prefix of a TensorFlow checkpoint of "
        "resnets-in-tensorflow2. Read when a run starts, not when it goes on. "
        "Default: drawn at random.",
        flag_values=values,
    )


def _define_gate_flags(values):
    flags.DEFINE_enum(
        "gate_regime",
        None,
        list(registry.GATE_REGIMES),
        "Gates of the gated families: joint, learned together with the values; "
        "frozen_random, of a gating network that keeps its initial weights; "
        "frozen_dependent, the same, but it starts as a copy of the value "
        "network; frozen_learned, of the trained network --gates_from. "
        "Default: joint; frozen_random with --gate=hard.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "gates_from",
        None,
        "Where frozen_learned gates come from: a run directory (its "
        "best.keras), a .keras file, or the prefix of a TensorFlow checkpoint "
        "of resnets-in-tensorflow2. A dgn takes the gates of a dnn or dgn of "
        "its architecture, a dlgn those of a dlgn, a dlgn_sf of a dlgn_sf. "
        "Read when a run starts, not when it goes on.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "gate",
        None,
        ["soft", "hard"],
        "Gate of the gated families: soft, sigmoid(beta q), or hard, 1{q > 0}, "
        "which passes no gradient. Default: soft where gates are learned "
        "jointly, hard where they are frozen.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "gate_beta",
        None,
        "Steepness of the soft gate. Default: 4 for fc, gconv, vconv; 10 "
        "otherwise (assumed; 4 is the other value in use).",
        flag_values=values,
    )
    flags.DEFINE_float(
        "gate_epsilon",
        None,
        "The soft gate is multiplied by 1 + this. Default: 0.1 for fc, gconv, "
        "vconv; 0 otherwise (assumed).",
        0.0,
        flag_values=values,
    )
    flags.DEFINE_string(
        "gate_permutation",
        None,
        "Comma-separated and counted from 0, such as 2,0,3,1: the first site "
        "of the value network takes the gate of the gating network's site 2, "
        "and so on; sites must be of one shape. all: one run a permutation "
        "other than the identity, each in RUN_DIR/permutation-2031. Default: "
        "every site its own.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "value_input",
        None,
        ["image", "ones"],
        "What the value network sees: DGN(x, x) or DGN(x, 1). Default: image; "
        "ones for dlgn_sf (assumed).",
        flag_values=values,
    )


def _define_activation_flags(values):
    flags.DEFINE_enum(
        "activation",
        None,
        list(activations.ACTIVATIONS),
        "Nonlinearity of a dnn, or of the gating network of a dgn. beta_vq: "
        "q sigmoid(eta q), eta = beta / (1 - beta), from q / 2 through swish "
        "to the ReLU; leaky_beta_vq and abs_beta_vq: the same of a leaky ReLU "
        "and of the absolute value. Default: relu.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "activation_beta",
        None,
        "Beta of beta_vq, from 0 (linear) to 1 (hard), where it starts if it "
        "is learned. Default: 0.5, which is swish (assumed).",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "activation_beta_mode",
        None,
        list(activations.BETA_MODES),
        "Whether beta is fixed, or learned with one value a layer or one a "
        "channel. Default: per_layer (assumed).",
        flag_values=values,
    )
    flags.DEFINE_float(
        "activation_slope",
        None,
        "Smaller slope of leaky_beta_vq. Default: 0.01 (assumed).",
        flag_values=values,
    )


def _define_dataset_flags(values):
    flags.DEFINE_string(
        "dataset",
        "cifar10",
        f"One of {', '.join(catalog.DATASETS)}. digits needs no download.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of prepared TFDS data sets. Default: ~/tensorflow_datasets.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "download",
        False,
        "Let TFDS download and prepare the data set.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "npz",
        None,
        "Read the images of --dataset from this .npz, made by "
        "tools/prepare_data.py, which needs no TensorFlow.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "normalization",
        None,
        list(NORMALIZATIONS),
        "dataset: (x/255 - mean)/std with the data set's constants; unit: "
        "x/255; per_image: minus the image's mean, divided by its largest "
        "absolute value. Default: as published for the architecture.",
        flag_values=values,
    )


def _define_data_flags(values):
    flags.DEFINE_integer(
        "train_examples",
        None,
        "Train on the first so many images. Default: all.",
        1,
        flag_values=values,
    )
    flags.DEFINE_enum(
        "augmentation",
        None,
        list(catalog.POLICIES),
        "Of training images: crop pads by 4 and crops at random, flip_crop "
        "mirrors half of them before. Default: as published for the "
        "architecture and fit for the data set.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "balanced_batches",
        None,
        "Draw as many images of each class (give or take one) for every batch. "
        "Default: as in the architecture's recipe.",
        flag_values=values,
    )


def _define_training_flags(values):
    recipe = "Default: the architecture's recipe (dlgn_tf/recipes.py)."
    flags.DEFINE_enum(
        "optimizer", None, ["sgd", "adam"], recipe, flag_values=values
    )
    flags.DEFINE_list(
        "learning_rates",
        None,
        "Comma-separated, one more than --boundaries. Default: the recipe's; "
        "0.001 for adam and 0.01 for sgd where the recipe has the other one.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "boundaries",
        None,
        "Comma-separated steps at which the next learning rate takes over. "
        "Default: those that belong to the learning rates.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "momentum", None, f"Of sgd. {recipe}", 0.0, 1.0, flag_values=values
    )
    flags.DEFINE_bool(
        "nesterov",
        None,
        f"Nesterov's momentum for sgd. {recipe}",
        flag_values=values,
    )
    flags.DEFINE_float(
        "l2",
        None,
        "Coefficient of the sum of squared kernels; 1e-4 acts as a weight "
        f"decay of 2e-4. {recipe}",
        0.0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "batch_size",
        None,
        f"Images a step, over all replicas. {recipe}",
        1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "train_steps",
        None,
        f"Steps in all, those of earlier starts included. {recipe}",
        1,
        _MOST_STEPS,
        flag_values=values,
    )
    flags.DEFINE_float(
        "epochs",
        None,
        "Length in passes over the training images, instead of --train_steps.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seed",
        0,
        "Initial weights, order of the images and augmentation follow from it.",
        0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "weights_seed",
        None,
        "Seed of the initial weights alone. Default: --seed.",
        0,
        flag_values=values,
    )


def _define_loop_flags(values):
    flags.DEFINE_string(
        "run_dir",
        None,
        "Where the run is written; one that has checkpoints is continued. "
        "Default: runs/MODEL-DATASET.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "strategy",
        "auto",
        list(STRATEGIES),
        "auto: all visible GPUs; single: one device; mirrored: "
        "MirroredStrategy even over one; multi_worker: the machines that "
        "TF_CONFIG names.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "batch_norm",
        "synchronized",
        ["synchronized", "local"],
        "Batch statistics of several replicas: over the whole batch, or each "
        "its own, with moving statistics averaged before they are used.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "mixed_precision",
        "float32",
        list(PRECISIONS),
        "Type in which layers compute; weights stay float32.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "xla",
        False,
        "Compile the training step with XLA; one replica only.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "deterministic",
        False,
        "Make every operation deterministic: two runs, or one that was "
        "stopped and continued, end with the same bits.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "checkpoint_every",
        "10m",
        "Steps (500) or minutes (10m) between checkpoints, besides those "
        "after each evaluation.",
        flag_values=values,
    )
    for name, default, meaning in (
        (
            "steps_per_loop",
            None,
            "Steps between two returns to the host. Default: as many as take "
            "about a second.",
        ),
        ("log_every", 100, "Steps between two points of the training curves."),
        (
            "eval_every",
            None,
            "Steps between evaluations, each a checkpoint. Default: 2000, or "
            "one pass where the recipe counts passes.",
        ),
        ("eval_batch_size", 500, "Images a step in evaluation."),
    ):
        flags.DEFINE_integer(name, default, meaning, 1, flag_values=values)
    flags.DEFINE_integer(
        "keep_checkpoints",
        3,
        "How many checkpoints are kept; the one before must stay until the "
        "newest is whole.",
        2,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "snapshot_every",
        None,
        "Steps between models kept for good, "
        "RUN_DIR/snapshots/step-00002000.keras, besides the first and the "
        "last. Default: none are.",
        1,
        flag_values=values,
    )


def read_flags(path, more=()):
    """Reads a flagfile of training flags into a `Config`.

    Args:
        path: Path-like.
        more: Strings, further flags, which win over those of the file.

    Raises:
        UserError: if it cannot be read or holds what cannot work.
    """
    values = flags.FlagValues()
    define_flags(values)
    flags.DEFINE_string("flagfile", "", "", flag_values=values)
    try:
        words = values(["dlgn_tf", f"--flagfile={path}", *more])[1:]
        if words:
            raise flags.Error(f"{words[0]} is no flag")
    except (flags.Error, OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"Expected a flagfile of training flags. Received: {path}, {error}"
        ) from error
    return resolve(values)


def resolve_given(values):
    """As `resolve`, of flags of which only some are defined.

    Args:
        values: `absl.flags.FlagValues`; what else it defines is passed over.
    """
    complete = flags.FlagValues()
    define_flags(complete)
    complete.mark_as_parsed()
    for name in complete:
        if name in values and values[name].present:
            complete[name].value = values[name].value
    return resolve(complete)


def resolve(values):
    """Turns parsed flags into a `Config`, defaults filled in.

    Args:
        values: `absl.flags.FlagValues` that `define_flags` defined.

    Returns:
        `Config` without gaps: `to_flags` gives it again.

    Raises:
        UserError: if the flags name what there is not, or contradict each
            other.
    """
    _check_finite(values)
    architecture, family = registry.parse(values.model)
    dataset = catalog.get(values.dataset)
    recipe = recipe_for(architecture.recipe, values.optimizer)
    batch_size = values.batch_size or recipe.batch_size
    train_examples = _train_examples(values, dataset)
    options = _architecture(values, architecture, family)
    architecture.check_image_shape(dataset.image_shape, options)
    gate = _gate(values, architecture, family, options)
    return Config(
        model=values.model,
        dataset=values.dataset,
        run_dir=values.run_dir or f"runs/{values.model}-{values.dataset}",
        data_dir=values.data_dir,
        download=values.download,
        npz=values.npz,
        train_examples=train_examples,
        **options,
        **gate,
        **activations.resolve(
            family,
            {name: values[name].value for name in activations.OPTIONS},
            options["members"] or 1,
            architecture.gate_sites,
        ),
        init_from=values.init_from,
        normalization=values.normalization or recipe.normalization,
        augmentation=values.augmentation
        or (dataset.augmentation if recipe.augment else "none"),
        balanced_batches=recipe.balanced
        if values.balanced_batches is None
        else values.balanced_batches,
        **_optimizer(values, recipe),
        l2=recipe.l2 if values.l2 is None else values.l2,
        **orthogonal_flags.resolve(
            values, family, gate["gate_regime"], options["members"]
        ),
        batch_size=batch_size,
        train_steps=_train_steps(values, recipe, train_examples, batch_size),
        **_seeds(values),
        **_devices(values),
        deterministic=values.deterministic,
        steps_per_loop=values.steps_per_loop,
        log_every=values.log_every,
        eval_every=values.eval_every
        or (2000 if recipe.train_steps else -(-train_examples // batch_size)),
        eval_batch_size=values.eval_batch_size,
        checkpoint_every=_checkpoint_every(values.checkpoint_every),
        keep_checkpoints=values.keep_checkpoints,
        snapshot_every=values.snapshot_every,
    )


def _check_finite(values):
    for name in (
        "gate_beta",
        "gate_epsilon",
        "activation_beta",
        "activation_slope",
        "momentum",
        "l2",
        "epochs",
    ):
        value = values[name].value
        if value is not None and not math.isfinite(value):
            raise UserError(
                f"Invalid --{name}. Expected a finite number. Received: {value}"
            )


def _seeds(values):
    seeds = {"seed": values.seed, "weights_seed": values.weights_seed}
    if values.weights_seed is None:
        seeds["weights_seed"] = values.seed
    for name, seed in seeds.items():
        if seed >= 2**64:
            raise UserError(
                f"Invalid --{name}. Expected a number below 2**64. "
                f"Received: {seed}"
            )
    return seeds


def _train_examples(values, dataset):
    count = values.train_examples or dataset.train_examples
    if count > dataset.train_examples:
        raise UserError(
            f"Invalid --train_examples. Expected at most "
            f"{dataset.train_examples}, the training images of {dataset.name}. "
            f"Received: {count}"
        )
    return count


def _architecture(values, architecture, family):
    given = {name: values[name].value for name in ARCHITECTURE_FLAGS}
    architecture.check_ensemble(family, given)
    resolved = architecture.resolve(given)
    if family != "dnn":
        resolved.pop("members", None)
    if resolved.get("members", 1) == 1:
        resolved.pop("ensemble_rule", None)
    return {
        name: resolved.get(name) if name in architecture.options else None
        for name in ARCHITECTURE_FLAGS
    }


def _gate(values, architecture, family, options):
    given = {name: values[name].value for name in GATE_FLAGS}
    if family == "dnn":
        _refuse(given, "a ReLU network (family dnn), which gates itself")
        return given
    given["gate_permutation"] = _permutation(
        given["gate_permutation"], architecture.site_count(options)
    )
    given["gate_regime"], given["gate"] = registry.resolve_gates(
        family, given["gate_regime"], given["gate"]
    )
    _check_origins(given["gate_regime"], given["gates_from"], values.init_from)
    defaults = {"value_input": registry.default_value_input(family)}
    if given["gate"] == "hard":
        soft = {name: given[name] for name in ("gate_beta", "gate_epsilon")}
        _refuse(soft, "a hard gate")
    else:
        defaults["gate_beta"] = architecture.gate_beta
        defaults["gate_epsilon"] = architecture.gate_epsilon
        if given["gate_beta"] is not None and not given["gate_beta"] > 0:
            raise UserError(
                "Invalid --gate_beta. Expected a number > 0. "
                f"Received: {given['gate_beta']}"
            )
    return {k: defaults.get(k) if v is None else v for k, v in given.items()}


def _check_origins(regime, gates_from, init_from):
    """Refuses a gating network that comes from nowhere, or from two places."""
    if (regime == "frozen_learned") != (gates_from is not None):
        raise UserError(
            "Expected --gates_from=PATH with --gate_regime=frozen_learned, and "
            f"only there. Received: --gate_regime={regime} and "
            f"--gates_from={gates_from or 'nothing'}"
        )
    if init_from and regime in ("frozen_dependent", "frozen_learned"):
        raise UserError(
            f"--init_from and --gate_regime={regime} both say where the gating "
            "network comes from. Expected one of the two. Received: both"
        )


def _permutation(text, count):
    """A tuple, `"all"`, or None for the identity.

    Args:
        text: String or None.
        count: Integer, the number of gate sites.
    """
    if text is None:
        return None
    if text == "all":
        if not 2 <= count <= MOST_PERMUTED_SITES:
            raise UserError(
                "Expected 2 to "
                f"{MOST_PERMUTED_SITES} gate sites for --gate_permutation=all. "
                f"Received: an architecture with {count}"
            )
        return text
    numbers = [n for n in text.split(",") if re.fullmatch(r"\d{1,4}", n)]
    identity = tuple(range(count))
    permutation = tuple(map(int, numbers))
    if len(text.split(",")) != count or sorted(permutation) != list(identity):
        example = f"0 to {count - 1}" if count > 1 else "0"
        raise UserError(
            f"Invalid --gate_permutation. Expected the {count} numbers "
            f"{example} in some order, or all. Received: {text}"
        )
    return None if permutation == identity else permutation


def _refuse(given, what):
    """Raises a `UserError` if any of these flags was given."""
    for name, value in given.items():
        if value is not None:
            raise UserError(
                f"--{name} has no effect on {what}. Expected no such flag. "
                f"Received: --{name}={value}"
            )


def _optimizer(values, recipe):
    optimizer = values.optimizer or recipe.optimizer
    rates, boundaries = _schedule(values, recipe, optimizer)
    momentum, nesterov = values.momentum, values.nesterov
    if optimizer == "adam":
        _refuse({"momentum": momentum, "nesterov": nesterov}, "adam")
    else:
        momentum = recipe.momentum if momentum is None else momentum
        nesterov = recipe.nesterov if nesterov is None else nesterov
        if nesterov and momentum == 0:
            raise UserError(
                "--nesterov needs a momentum. Expected --momentum > 0. "
                "Received: --momentum=0"
            )
    return {
        "optimizer": optimizer,
        "learning_rates": rates,
        "boundaries": boundaries,
        "momentum": momentum,
        "nesterov": nesterov,
    }


def _schedule(values, recipe, optimizer):
    if values.learning_rates:
        rates = _numbers(values.learning_rates, float, "learning_rates")
        boundaries = ()
    elif optimizer == recipe.optimizer:
        rates, boundaries = recipe.learning_rates, recipe.boundaries
    else:
        rates, boundaries = (_PLAIN_LEARNING_RATE[optimizer],), ()
    if values.boundaries:
        boundaries = _numbers(values.boundaries, int, "boundaries")
    if list(boundaries) != sorted(set(boundaries)):
        raise UserError(
            "Invalid --boundaries. Expected growing steps. "
            f"Received: {','.join(map(str, boundaries))}"
        )
    if len(rates) != len(boundaries) + 1:
        raise UserError(
            "Expected one more of --learning_rates than of --boundaries. "
            f"Received: {len(rates)} and {len(boundaries)}"
        )
    return rates, boundaries


def _numbers(texts, kind, flag):
    word = "numbers" if kind is float else "integers"
    try:
        numbers = tuple(kind(text) for text in texts)
    except ValueError:
        numbers = ()
    if not numbers or not all(0 < n < math.inf for n in numbers):
        raise UserError(
            f"Invalid --{flag}. Expected comma-separated {word} > 0. "
            f"Received: {','.join(texts)}"
        )
    return numbers


def _devices(values):
    several = values.strategy in ("mirrored", "multi_worker")
    permuted = values.gate_permutation == "all"
    if permuted and values.strategy == "multi_worker":
        raise UserError(
            "--gate_permutation=all trains many runs in one process. Expected "
            "another --strategy. Received: --strategy=multi_worker"
        )
    for name, bad, why in (
        ("xla", several, f"--strategy={values.strategy}, only on one replica"),
        ("xla", values.deterministic, "--deterministic"),
    ):
        if values[name].value and bad:
            raise UserError(
                f"--{name} cannot work with {why}. Expected one of the two. "
                "Received: both"
            )
    return {
        "strategy": values.strategy,
        "batch_norm": values.batch_norm,
        "mixed_precision": values.mixed_precision,
        "xla": values.xla,
    }


def check_environment(config):
    """Raises a `UserError` if training lacks what it needs around it.

    Args:
        config: `Config`.
    """
    if config.strategy != "multi_worker":
        return
    text = os.environ.get("TF_CONFIG", "")
    try:
        parsed = json.loads(text)
        task = parsed["task"]
        parsed["cluster"][task["type"]][int(task["index"])]
    except (ValueError, KeyError, TypeError, IndexError):
        raise UserError(
            "--strategy=multi_worker needs the environment variable TF_CONFIG. "
            "Expected the JSON that names the machines and this one's task "
            f"(see BUILD.md). Received: {text or 'none'}"
        ) from None


def _checkpoint_every(text):
    steps_or_minutes = re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?)m", text)
    if not steps_or_minutes or float(text.removesuffix("m")) == 0:
        raise UserError(
            "Invalid --checkpoint_every. Expected steps, such as 500, or "
            f"minutes, such as 10m. Received: {text}"
        )
    return text


def _train_steps(values, recipe, train_examples, batch_size):
    if values.train_steps and values.epochs:
        raise UserError(
            "Expected --train_steps or --epochs, not both. Received: "
            f"--train_steps={values.train_steps} --epochs={values.epochs}"
        )
    if values.epochs is not None and not values.epochs > 0:
        raise UserError(
            f"Invalid --epochs. Expected a number > 0. "
            f"Received: {values.epochs}"
        )
    if values.train_steps:
        return values.train_steps
    epochs = values.epochs or recipe.epochs
    if values.epochs is None and recipe.train_steps:
        return recipe.train_steps
    # The last step completes the last pass.
    steps = math.ceil(epochs * train_examples / batch_size)
    if epochs * train_examples < 1 or steps > _MOST_STEPS:
        raise UserError(
            f"Invalid --epochs. Expected one image to {_MOST_STEPS} steps in "
            f"all. Received: {epochs}"
        )
    return steps

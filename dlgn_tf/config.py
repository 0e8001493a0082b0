"""The frozen `Config` that the training flags become.

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
from dlgn_tf import training_flags
from dlgn_tf.command import flagfiles
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.gate_kinds import GATES
from dlgn_tf.models import activations
from dlgn_tf.models import registry
from dlgn_tf.models.orthogonal_options import OrthogonalFilters
from dlgn_tf.recipes import recipe_for

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
# More runs than those of five sites of one shape nobody waits for.
MOST_PERMUTATIONS = math.factorial(5) - 1

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


def read_flags(path, more=()):
    """Reads a flagfile of training flags into a `Config`.

    Args:
        path: Path-like.
        more: Strings, further flags, which win over those of the file.

    Raises:
        UserError: if it cannot be read or holds what cannot work.
    """
    values = flags.FlagValues()
    training_flags.define_flags(values)
    given = flagfiles.expand([f"--flagfile={path}", *more])
    try:
        words = values(["dlgn_tf", *given])[1:]
        if words:
            raise flags.Error(f"{words[0]} is no flag")
    # ValueError: --noNAME=true, of a switch.
    except (flags.Error, ValueError) as error:
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
    training_flags.define_flags(complete)
    complete.mark_as_parsed()
    for name in complete:
        if name in values and values[name].present:
            complete[name].value = values[name].value
    return resolve(complete)


def resolve(values):
    """Turns parsed flags into a `Config`, defaults filled in.

    Args:
        values: `absl.flags.FlagValues` that
            `dlgn_tf.training_flags.define_flags` defined.

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
    normalization = values.normalization or recipe.normalization
    if normalization == "imagenet" and dataset.image_shape[-1] != 3:
        raise UserError(
            "Expected colour images with --normalization=imagenet. Received: "
            f"--dataset={dataset.name}, of shape {dataset.image_shape}"
        )
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
        normalization=normalization,
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
    """How many training images are used, all of them by default."""
    given = values.train_examples
    # Whoever reads an .npz looks again; a run's may lie elsewhere by now.
    if given and (values.npz or given <= (dataset.train_examples or 0)):
        return given
    place = {"data_dir": values.data_dir, "npz_file": values.npz}
    available = catalog.examples(dataset.name, **place)["train"]
    if available is None:
        catalog.check_available(dataset.name, download=values.download, **place)
        if not given:
            raise UserError(
                f"Expected --train_examples=N for {dataset.name}, whose size "
                "is not known before it is there. Received: none"
            )
    elif (given or 1) > available:
        raise UserError(
            f"Invalid --train_examples. Expected at most {available}, the "
            f"training images of {dataset.name}. Received: {given}"
        )
    return given or available


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
        given["gate_permutation"], architecture, options
    )
    given["gate_regime"], given["gate"] = registry.resolve_gates(
        family, given["gate_regime"], given["gate"]
    )
    _check_origins(given["gate_regime"], given["gates_from"], values.init_from)
    defaults = {"value_input": registry.default_value_input(family)}
    for option in ("gate_beta", "gate_epsilon"):
        if option.removeprefix("gate_") in GATES[given["gate"]].options:
            defaults[option] = getattr(architecture, option)
        else:
            _refuse({option: given[option]}, f"a {given['gate']} gate")
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


def _permutation(text, architecture, options):
    """A tuple, `"all"`, or None for the identity."""
    count = architecture.site_count(options)
    if text is None:
        return None
    if text == "all":
        alike = architecture.alike_sites(options)
        runs = math.prod(map(math.factorial, alike)) - 1
        if not 1 <= runs <= MOST_PERMUTATIONS:
            raise UserError(
                f"Expected 1 to {MOST_PERMUTATIONS} ways to permute gates of "
                "one shape for --gate_permutation=all. Received: an "
                f"architecture of {count} gate sites with "
                f"{'more' if runs else 'none'}"
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
    most = training_flags.MOST_STEPS
    steps = epochs * train_examples / batch_size
    if epochs * train_examples < 1 or steps > most:
        raise UserError(
            f"Invalid --epochs. Expected one image to {most} steps in all. "
            f"Received: {epochs}"
        )
    return math.ceil(steps)

"""The frozen `Config`, and the training flags that become it.

Imports neither TensorFlow nor Keras, so that `--help` and a wrong flag answer
at once. Library code takes a `Config` or plain arguments; only entry points
read flags.
"""

import dataclasses
import functools

from dlgn_tf import choices
from dlgn_tf.command import common_flags, fields
from dlgn_tf.config.network import Network
from dlgn_tf.config.recipes import recipe_for
from dlgn_tf.data import catalog
from dlgn_tf.data.info import DatasetInfo
from dlgn_tf.models import registry

MOST_STEPS = 2**31 - 1

_RECIPE = "Default: the architecture's recipe (dlgn_tf/config/recipes.py)."

# A flag of each group, under its title in --help.
_images = functools.partial(fields.flag, group="images")
_training = functools.partial(fields.flag, group="training")
_run = functools.partial(fields.flag, group="the run")
_orthogonal = functools.partial(fields.flag, group="orthogonal filters")


@dataclasses.dataclass(frozen=True)
class Config(Network):
    """Everything that decides what a run does; one field per flag.

    None stands for "has no meaning here", such as the momentum of Adam, and
    before `dlgn_tf.config.resolve` for "not given". What was `measured` of data
    that are none of the catalogue's is no flag: a run keeps it in data.json;
    nor is the description of a `network` of one's own, kept in network.json.
    """

    run_dir: str = common_flags.run_dir(
        "Where the run is written; one that has checkpoints is continued. "
        "Default: runs/MODEL-DATASET.",
        group="the run",
    )
    train_examples: int = _images(
        None, "Train on the first so many images. Default: all.", least=1
    )
    augmentation: str = _images(
        None,
        "Of training images: crop pads by 4 and crops at random, flip_crop "
        "mirrors half of them before. Default: as published for the "
        "architecture and fit for the data set.",
        choices=choices.AUGMENTATIONS,
    )
    balanced_batches: bool = _images(
        None,
        "Draw as many images of each class (give or take one) for every batch. "
        "Default: as in the architecture's recipe.",
    )
    optimizer: str = _training(None, _RECIPE, choices=choices.OPTIMIZERS)
    learning_rates: tuple[float, ...] = _training(
        None,
        "Comma-separated, one more than --boundaries. Default: the recipe's; "
        "0.001 for adam and 0.01 for sgd where the recipe has the other one.",
        positive=True,
    )
    boundaries: tuple[int, ...] = _training(
        None,
        "Comma-separated steps at which the next learning rate takes over. "
        "Default: those that belong to the learning rates.",
        positive=True,
    )
    momentum: float | None = _training(
        None, f"Of sgd. {_RECIPE}", least=0.0, most=1.0
    )
    nesterov: bool | None = _training(
        None, f"Nesterov's momentum for sgd. {_RECIPE}"
    )
    gating_rate: float | None = _training(
        None,
        "Factor of the learning rate of the gating network, with sgd. "
        "Default: 1.",
        least=0.0,
    )
    teacher: str | None = _training(
        None,
        "A trained network whose logits are imitated, as --init_from names "
        "one. Read whenever the run is started.",
        path=True,
    )
    teacher_share: float | None = _training(
        None,
        "Its share of the loss, the rest is that of the labels. Default: 0.5 "
        "(assumed).",
        least=0.0,
        most=1.0,
    )
    teacher_temperature: float | None = _training(
        None,
        "What both networks' logits are divided by there. Default: 4 "
        "(assumed).",
        positive=True,
    )
    l2: float = _training(
        None,
        "Coefficient of the sum of squared kernels; 1e-4 acts as a weight "
        f"decay of 2e-4. {_RECIPE}",
        least=0.0,
    )
    orthogonality_penalty: float = _orthogonal(
        0.0,
        "Coefficient of the squared inner products of different filters of "
        "each dense layer and convolution, in the loss; 1 as published.",
        least=0.0,
    )
    orthogonality_reduction: str | None = _orthogonal(
        None,
        "Whether a layer's products are summed over ordered pairs or divided "
        "by the square of its filters, too. Default: sum (assumed).",
        choices=choices.PENALTY_REDUCTIONS,
    )
    orthogonality_slopes: tuple[float, ...] | None = _orthogonal(
        None,
        "Slopes of the nonlinearity's regions: 0,1 of a ReLU, 0.01,1 of a "
        "leaky ReLU, -1,1 of the absolute value. They scale the penalty by the "
        "square of the sum of their squares. Default: 0,1.",
    )
    batch_size: int = _training(
        None, f"Images a step, over all replicas. {_RECIPE}", least=1
    )
    train_steps: int = _training(
        None,
        f"Steps in all, those of earlier starts included. {_RECIPE}",
        least=1,
        most=MOST_STEPS,
    )
    seed: int = common_flags.seed(
        "Initial weights, order of the images and augmentation follow from it.",
        group="training",
    )
    weights_seed: int = _training(
        None, "Seed of the initial weights alone. Default: --seed.", least=0
    )
    strategy: str = _run(
        "auto",
        "auto: all visible GPUs; single: one device; mirrored: "
        "MirroredStrategy even over one; multi_worker: the machines that "
        "TF_CONFIG names.",
        choices=choices.STRATEGIES,
    )
    worker_timeout: float = _run(
        10.0,
        "Minutes that a worker of multi_worker waits at the start for the "
        "others.",
        positive=True,
    )
    batch_norm: str = _run(
        "synchronized",
        "Batch statistics of several replicas: over the whole batch, or each "
        "its own, with moving statistics averaged before they are used.",
        choices=choices.BATCH_STATISTICS,
    )
    mixed_precision: str = _run(
        "float32",
        "Type in which layers compute; weights stay float32.",
        choices=choices.PRECISIONS,
    )
    xla: bool = _run(
        False, "Compile the training step with XLA; one replica only."
    )
    deterministic: bool = _run(
        False,
        "Make every operation deterministic: two runs, or one that was "
        "stopped and continued, end with the same bits.",
    )
    steps_per_loop: int | None = _run(
        None,
        "Steps between two returns to the host. Default: as many as take "
        "about a second.",
        least=1,
    )
    log_every: int = _run(
        100, "Steps between two points of the training curves.", least=1
    )
    eval_every: int = _run(
        None,
        "Steps between evaluations, each a checkpoint. Default: 2000, or "
        "one pass where the recipe counts passes.",
        least=1,
    )
    eval_batch_size: int = common_flags.eval_batch_size(
        "Images a step in evaluation.", group="the run"
    )
    checkpoint_every: str = _run(
        "10m",
        "Steps (500) or minutes (10m) between checkpoints, besides those "
        "after each evaluation.",
    )
    keep_checkpoints: int = _run(
        3,
        "How many checkpoints are kept; the one before must stay until the "
        "newest is whole.",
        least=2,
    )
    snapshot_every: int | None = _run(
        None,
        "Steps between models kept for good, "
        "RUN_DIR/snapshots/step-00002000.keras, besides the first and the "
        "last. Default: none are.",
        least=1,
    )

    measured: DatasetInfo | None = None
    network: dict | None = None

    @property
    def info(self):
        """`DatasetInfo` of the images: the catalogue's, or as measured."""
        return catalog.known_of(self)

    def architecture(self):
        """`(Architecture, family)` of the model."""
        return registry.parse(self.model, self.network)

    def recipe(self):
        """The recipe whose values the defaults are."""
        architecture, _ = self.architecture()
        return recipe_for(architecture.recipe, self.optimizer)

    def to_flags(self):
        """The flags, one per line, that give this very `Config` again."""
        values = {name: getattr(self, name) for name in fields.of(self)}
        lines = fields.words({k: x for k, x in values.items() if x != ()})
        return "\n".join(lines) + "\n"


@dataclasses.dataclass(frozen=True)
class TrainingFlags(Config):
    """The training flags as they are given, gaps and all.

    `dlgn_tf.config.resolve` makes a `Config` of them.
    """

    epochs: float | None = _training(
        None,
        "Length in passes over the training images, instead of --train_steps.",
        positive=True,
    )
    list_models: bool = fields.flag(
        False,
        "Print names, parameter counts and descriptions of all models; exit.",
        group="the model",
    )
    list_presets: bool = fields.flag(
        False,
        "Print the trained networks that come with the package; exit.",
        group="the model",
    )

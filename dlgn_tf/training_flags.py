"""The training flags, as they are defined.

What values they may take together, and what they become, is in
`dlgn_tf.config`. Imports neither TensorFlow nor Keras.
"""

from absl import flags

from dlgn_tf import orthogonal_flags
from dlgn_tf.command import flag_groups
from dlgn_tf.data import catalog
from dlgn_tf.gate_kinds import GATES
from dlgn_tf.models import activations
from dlgn_tf.models import registry
from dlgn_tf.recipes import NORMALIZATIONS

STRATEGIES = ("auto", "single", "mirrored", "multi_worker")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
MOST_STEPS = 2**31 - 1

_PUBLISHED = "Default: as published for the architecture."


def define_flags(flag_values=flags.FLAGS):
    """Defines the training flags.

    Args:
        flag_values: `absl.flags.FlagValues` that takes them.
    """
    for title, of_network, of_training in _GROUPS:
        with flag_groups.group(title, flag_values):
            for define in (*of_network, *of_training):
                define(flag_values)


def define_network_flags(flag_values=flags.FLAGS):
    """Defines those training flags that say which model sees which images.

    Args:
        flag_values: `absl.flags.FlagValues` that takes them.
    """
    for title, of_network, _ in _GROUPS:
        with flag_groups.group(title, flag_values):
            for define in of_network:
                define(flag_values)


def define_place_flags(default):
    """Defines the flags that say where a command reads its images.

    Args:
        default: String, where it does without these flags.
    """
    with flag_groups.group("images", flags.FLAGS):
        _define_place_flags(default)


def _define_place_flags(default, **options):
    flags.DEFINE_string(
        "data_dir",
        None,
        f"Folder of prepared TFDS data sets. Default: {default}.",
        **options,
    )
    flags.DEFINE_string(
        "npz",
        None,
        "Read the images of the data set from this .npz, made by "
        "tools/prepare_data.py, which needs no TensorFlow.",
        **options,
    )


def network_flags():
    """Names of the flags that `define_network_flags` defines."""
    values = flags.FlagValues()
    define_network_flags(values)
    return list(values)


def _define_list(values):
    flags.DEFINE_bool(
        "list_models",
        False,
        "Print names, parameter counts and descriptions of all models; exit.",
        flag_values=values,
    )


def _define_model_flags(values):
    flags.DEFINE_string(
        "model",
        "c4gap_dlgn",
        "ARCHITECTURE_FAMILY, one of those that "
        "python -m dlgn_tf.train --list_models prints.",
        flag_values=values,
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


def _define_size_flags(values):
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
            name, None, f"{meaning} {_PUBLISHED}", 1, flag_values=values
        )


def _define_variant_flags(values):
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
            name, None, choices, f"{meaning} {_PUBLISHED}", flag_values=values
        )


def _define_switches(values):
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
            name, None, f"Whether {meaning} {_PUBLISHED}", flag_values=values
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
        list(GATES),
        "Gate of the gated families: soft, sigmoid(beta q), or hard, 1{q > 0}, "
        "which passes no gradient. Default: soft where gates are learned "
        "jointly, hard where they are frozen.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "gate_beta",
        None,
        "Steepness of the soft gate. Default: 4 for fc, fcresnet, gconv, "
        "vconv; 10 otherwise (assumed; 4 is the other value in use).",
        flag_values=values,
    )
    flags.DEFINE_float(
        "gate_epsilon",
        None,
        "The soft gate is multiplied by 1 + this. Default: 0.1 for fc, "
        "fcresnet, gconv, vconv; 0 otherwise (assumed).",
        0.0,
        flag_values=values,
    )
    flags.DEFINE_string(
        "gate_permutation",
        None,
        "Comma-separated and counted from 0, such as 2,0,3,1: the first site "
        "of the value network takes the gate of the gating network's site 2, "
        "and so on; sites must be of one shape. all: one run a permutation "
        "of sites of one shape, the identity left out, each in "
        "RUN_DIR/permutation-2031. Default: every site its own.",
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
    _define_place_flags("~/tensorflow_datasets", flag_values=values)
    flags.DEFINE_bool(
        "download",
        False,
        "Let TFDS download and prepare the data set.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "normalization",
        None,
        list(NORMALIZATIONS),
        "dataset: (x/255 - mean)/std with the data set's constants; imagenet: "
        "with those of ImageNet, of colour images; unit: x/255; per_image: "
        "minus the image's mean, divided by its largest absolute value. "
        "Default: as published for the architecture.",
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
        MOST_STEPS,
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


def _define_run_flags(values):
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


def _define_loop_flags(values):
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


# In the order of --help: a title, who defines the flags of a network and its
# images, and who those of training it.
_GROUPS = (
    (
        "the model",
        (
            _define_model_flags,
            _define_size_flags,
            _define_variant_flags,
            _define_switches,
        ),
        (_define_list,),
    ),
    ("images", (_define_dataset_flags,), (_define_data_flags,)),
    ("training", (), (_define_training_flags,)),
    ("the run", (), (_define_run_flags, _define_loop_flags)),
    ("gates", (_define_gate_flags,), ()),
    ("nonlinearities", (_define_activation_flags,), ()),
    (
        "orthogonal filters",
        (orthogonal_flags.define_model_flags,),
        (orthogonal_flags.define_training_flags,),
    ),
)

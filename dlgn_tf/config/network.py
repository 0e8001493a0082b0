"""The flags that say which network sees which images.

Imports neither TensorFlow nor Keras.
"""

import dataclasses
import functools
import typing

from dlgn_tf import choices
from dlgn_tf.command import common_flags, fields
from dlgn_tf.data import catalog, own, reading
from dlgn_tf.gate_kinds import GATES
from dlgn_tf.models import activations
from dlgn_tf.models.orthogonal_options import OrthogonalFilters

_PUBLISHED = "Default: as published for the architecture."

# A flag of each group, under its title in --help.
_model = functools.partial(fields.flag, group="the model")
_images = functools.partial(fields.flag, group="images")
_training = functools.partial(fields.flag, group="training")
_gates = functools.partial(fields.flag, group="gates")
_nonlinearity = functools.partial(fields.flag, group="nonlinearities")
_orthogonal = functools.partial(fields.flag, group="orthogonal filters")


def _size(text):
    return _model(None, f"{text} {_PUBLISHED}", least=1)


def _variant(text, allowed):
    return _model(None, f"{text} {_PUBLISHED}", choices=allowed)


def _switch(text, default=_PUBLISHED):
    return _model(None, f"Whether {text} {default}")


@dataclasses.dataclass(frozen=True)
class Network(reading.Reading):
    """Which network sees which images; one field per flag.

    None stands for "has no meaning here": an option that the architecture
    lacks, the gate of a ReLU network; and before `resolve` for "not given".
    `gate_permutation` is None where each site has its own gate, and `"all"`
    stands for one run per permutation.

    To give architectures an option, add a field to the group of the model and
    the option to entries of `dlgn_tf.models.registry`.
    """

    # What every run is asked for comes before what few are.
    groups: typing.ClassVar[tuple[str, ...]] = (
        "the model",
        "images",
        "training",
        "the run",
        "gates",
        "nonlinearities",
        "orthogonal filters",
    )

    model: str = _model(
        "c4gap_dlgn",
        "ARCHITECTURE_FAMILY, one of those that "
        "python -m dlgn_tf.train --list_models prints; or "
        "keras:PATH.keras_FAMILY, of any Keras model that is saved there, its "
        "weights new.",
    )
    dataset: str = _images(
        "cifar10",
        f"One of {', '.join(catalog.DATASETS)}; or data of your own: "
        f"{own.names_shown()}. folder and table are named by --data_dir, npz "
        "by --npz. digits needs no download.",
    )
    data_dir: str | None = common_flags.data_dir("~/tensorflow_datasets")
    download: bool = _images(
        False, "Let TFDS download and prepare the data set."
    )
    npz: str | None = common_flags.npz()
    width: int | None = _size("Units or filters of the first layers.")
    depth: int | None = _size("Weight layers; convolutions for c1gap to vconv.")
    kernel_size: int | None = _size("Side of the filters of c1gap and c4gap.")
    head_width: int | None = _size(
        "Units of the hidden dense layers of gconv, vconv."
    )
    pooling: str | None = _variant(
        "Pooling of the VGGs and of smallcnn; of a network keras:PATH, whether "
        "max pooling stays.",
        choices.POOLINGS,
    )
    keep: str | None = _model(
        None,
        "Of a network keras:PATH: comma-separated names of layers that stay "
        "though they are not linear where they stand, or all.",
    )
    block: str | None = _variant("Block of the ResNets.", choices.BLOCKS)
    shortcut: str | None = _variant(
        "Shortcut of the ResNets.", choices.SHORTCUTS
    )
    padding: str | None = _variant(
        "What c1gap, c4gap and gconv see beyond the edge of an image: "
        "zeros (same), or the image continued from its other edge "
        "(circular). largecnn and smallcnn have it published with "
        "convolutions that see nothing there (valid); with same, smaller "
        "images will do.",
        choices.PADDINGS,
    )
    biases: bool | None = _switch(
        "layers of fc, fcresnet, mlp, c1gap, c4gap and gconv have biases.",
        "Default: as published; fcresnet and mlp have none.",
    )
    block_depth: int | None = _size("Weight layers of a block of fcresnet.")
    batch_normalized: bool | None = _switch(
        "convolutions of largecnn and smallcnn are followed by batch "
        "normalisation.",
        "Default: no (assumed).",
    )
    apodized: bool | None = _switch(
        "convolutions of largecnn and smallcnn have filters that fade towards "
        "their edge.",
        "Default: no (assumed).",
    )
    norm: str | None = _variant(
        "Where batch normalisation stands: before the gates of a ResNet "
        "(pre), or behind them and without learned parameters (post); mlp "
        "and plaincnn have none, or the latter.",
        choices.NORMS,
    )
    grayscale: bool | None = _switch(
        "mlp and plaincnn see colours as grey. Columns of a vector are none."
    )
    skip: bool | None = _switch(
        "scattering networks keep wavelet coefficients beside their moduli."
    )
    unit_norm: bool | None = _switch(
        "channels of scattering networks have norm 1 at every pixel."
    )
    members: int | None = _size(
        "Networks of an ensemble (c1gap_dnn only), trained at once on the "
        "same batches; the i-th starts from weights_seed + i."
    )
    ensemble_rule: str | None = _variant(
        "Whether an ensemble averages its members' softmax outputs or their "
        "logits (assumed).",
        choices.ENSEMBLE_RULES,
    )
    gate_regime: str | None = _gates(
        None,
        "Gates of the gated families: joint, learned together with the values; "
        "frozen_random, of a gating network that keeps its initial weights; "
        "frozen_dependent, the same, but it starts as a copy of the value "
        "network; frozen_learned, of the trained network --gates_from. "
        "Default: joint; frozen_random with --gate=hard.",
        choices=choices.GATE_REGIMES,
    )
    gates_from: str | None = _gates(
        None,
        "Where frozen_learned gates come from: a run directory (its "
        "best.keras), a .keras file, a SavedModel of dlgn_tf.export, or the "
        "prefix of a TensorFlow checkpoint of resnets-in-tensorflow2. A dgn "
        "takes the gates of a dnn or dgn of its architecture, a dlgn those of "
        "a dlgn, a dlgn_sf of a dlgn_sf. Read when a run starts, not when it "
        "goes on.",
        path=True,
    )
    gate: str | None = _gates(
        None,
        "Gate of the gated families: soft, sigmoid(beta q), or hard, 1{q > 0}, "
        "which passes no gradient; own, what the nonlinearity that stood there "
        "multiplies q by, as hard of a ReLU. Default: soft where gates are "
        "learned jointly, hard where they are frozen.",
        choices=GATES,
    )
    gate_beta: float | None = _gates(
        None,
        "Steepness of the soft gate. Default: 4 for fc, fcresnet, gconv, "
        "vconv; 10 otherwise (assumed; 4 is the other value in use).",
        positive=True,
    )
    gate_epsilon: float | None = _gates(
        None,
        "The soft gate is multiplied by 1 + this. Default: 0.1 for fc, "
        "fcresnet, gconv, vconv; 0 otherwise (assumed).",
        least=0.0,
    )
    gate_permutation: tuple[int, ...] | str | None = _gates(
        None,
        "Comma-separated and counted from 0, such as 2,0,3,1: the first site "
        "of the value network takes the gate of the gating network's site 2, "
        "and so on; sites must be of one shape. all: one run per permutation "
        "of sites of one shape, the identity left out, each in "
        "RUN_DIR/permutation-2031. Default: every site its own.",
        kind=str,
    )
    value_input: str | None = _gates(
        None,
        "What the value network sees: DGN(x, x) or DGN(x, 1). Default: image; "
        "ones for dlgn_sf (assumed).",
        choices=choices.VALUE_INPUTS,
    )
    activation: str | None = _nonlinearity(
        None,
        "Nonlinearity of a dnn, or of the gating network of a dgn. beta_vq: "
        "q sigmoid(eta q), eta = beta / (1 - beta), from q / 2 through swish "
        "to the ReLU; leaky_beta_vq and abs_beta_vq: the same of a leaky ReLU "
        "and of the absolute value. Default: relu.",
        choices=activations.ACTIVATIONS,
    )
    activation_beta: float | None = _nonlinearity(
        None,
        "Beta of beta_vq, from 0 (linear) to 1 (hard), where it starts if it "
        "is learned. Default: 0.5, which is swish (assumed).",
    )
    activation_beta_mode: str | None = _nonlinearity(
        None,
        "Whether beta is fixed, or learned with one value per layer or per "
        "channel. Default: per_layer (assumed).",
        choices=choices.BETA_MODES,
    )
    activation_slope: float | None = _nonlinearity(
        None, "Smaller slope of leaky_beta_vq. Default: 0.01 (assumed)."
    )
    activation_entropy: str | None = _nonlinearity(
        None,
        "What beta weighs against the scores of the two slopes: shannon, "
        "which gives sigmoids, or tsallis (of order 2), clipped lines. "
        "Default: shannon.",
        choices=choices.ENTROPIES,
    )
    init_from: str | None = _model(
        None,
        "Where all weights come from: a run directory (its best.keras), a "
        ".keras file, a SavedModel of dlgn_tf.export or, for a dnn, the "
        "prefix of a TensorFlow checkpoint of resnets-in-tensorflow2. Read "
        "when a run starts, not when it goes on. Default: drawn at random.",
        path=True,
    )
    loss: str | None = _training(
        None,
        "What training makes small: crossentropy; logistic, of two classes, "
        "whose logits (-z, z) are made of one output z (of a network "
        "keras:PATH (-z/2, z/2), as z was that of a sigmoid); squared, the "
        "mean squared error of numbers (--regression). Default: what fits the "
        "labels; logistic of a network keras:PATH that ends in a sigmoid of "
        "one unit.",
        choices=choices.LOSSES,
    )
    initializer: str = _training(
        "published",
        "How weights are drawn: as published for the architecture, or as "
        "PyTorch draws them, kernels and biases uniform in +-1/sqrt(fan_in).",
        choices=choices.INITIALIZERS,
    )
    normalization: str = _images(
        None,
        "dataset: (x/255 - mean)/std with the data set's constants; imagenet: "
        "with those of ImageNet, of colour images; unit: x/255; per_image: "
        "minus the image's mean, divided by its largest absolute value; none: "
        "as stored, for a network that has a Rescaling of its own. "
        f"{_PUBLISHED}",
        choices=choices.NORMALIZATIONS,
    )
    orthogonal_reparametrization: str = _orthogonal(
        "none",
        "Make the filters of every dense layer and convolution orthogonal, "
        "as a function of free weights: gram_schmidt, the exact process; "
        "newton_schulz, the polar factor, and cayley, the transform of "
        "that name, are other maps and not Gram-Schmidt. --l2 acts on the "
        "free weights.",
        choices=choices.REPARAMETRIZATIONS,
    )
    orthogonal_scale: str | None = _orthogonal(
        None,
        "Lengths of the filters: what the Gram-Schmidt process leaves, 1, "
        "or a weight each (one for all of a tight frame). Default: "
        "residual; gain for other maps (assumed).",
        choices=choices.FILTER_LENGTHS,
    )
    orthogonal_overcomplete: str | None = _orthogonal(
        None,
        "More filters than inputs: a tight frame, orthogonal groups, left "
        "as they are, or refused. Default: tight (assumed).",
        choices=choices.OVERCOMPLETE,
    )
    orthogonal_networks: str | None = _orthogonal(
        None,
        "Which network of a gated model --orthogonal_reparametrization or "
        "--orthogonality_penalty is for. Default: both.",
        choices=choices.ORTHOGONAL_NETWORKS,
    )

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

        A penalty may come and go, and which networks it is for; images may
        move.
        """
        passing = {"data_dir", "download", "npz", *reading.PASSING}
        if not self.orthogonal_filters():
            passing.add("orthogonal_networks")
        return tuple(name for name in fields.of(Network) if name not in passing)


ARCHITECTURE_FLAGS = tuple(
    name
    for name in fields.names(Network, "the model")
    if name not in ("model", "init_from")
)
GATE_FLAGS = fields.names(Network, "gates")

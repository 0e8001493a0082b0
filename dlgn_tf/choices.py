"""Every list of values that an option allows. Imports nothing.

Layers, the registry of architectures and flags read it. What one kind of gate,
nonlinearity or data set needs beside its name is in the table of these:
`gate_kinds.GATES`, `models.activations.ACTIVATIONS`, `data.catalog.DATASETS`.
"""

# Architectures; each has some of the values, see `models.registry`.
POOLINGS = ("average", "max")
BLOCKS = ("original", "preactivated", "bottleneck")
SHORTCUTS = ("A", "B")
PADDINGS = ("same", "circular", "valid")
NORMS = ("none", "pre", "post")
ENSEMBLE_RULES = ("mean_softmax", "mean_logits")

# Gated networks: how gates come to be, and what the value network sees.
GATE_REGIMES = ("joint", "frozen_random", "frozen_dependent", "frozen_learned")
VALUE_INPUTS = ("image", "ones")
# The networks of one, and which of them lose a block that is left out.
NETWORKS = ("gating", "value")
NETWORKS_WITHOUT_BLOCK = ("value", "both")

# Whether the beta of a beta-VQ is learned, and how many there are.
BETA_MODES = ("fixed", "per_layer", "per_channel")
# What a beta-VQ weighs against the scores: gives softmax, sparsemax.
ENTROPIES = ("shannon", "tsallis")

# Orthogonal filters: how kernels are mapped to them ("none" stands for plain
# kernels), the lengths of filters, what becomes of more filters than inputs,
# and which networks of a model have them.
ORTHOGONAL_MAPS = ("gram_schmidt", "newton_schulz", "cayley")
REPARAMETRIZATIONS = ("none", *ORTHOGONAL_MAPS)
FILTER_LENGTHS = ("residual", "unit", "gain")
OVERCOMPLETE = ("tight", "groups", "skip", "error")
ORTHOGONAL_NETWORKS = ("both", *NETWORKS)
PENALTY_REDUCTIONS = ("sum", "mean_entries")

# What pixels become: standardised with the data set's mean and standard
# deviation, or with ImageNet's; divided by 255; put on a scale of their own
# image; left as they are. And what is done to images of a training batch.
NORMALIZATIONS = ("dataset", "imagenet", "unit", "per_image", "none")
AUGMENTATIONS = ("none", "crop", "flip_crop")

# Data of one's own: how images are brought to a size, and what becomes of rows
# of a table that have gaps.
RESIZINGS = ("crop", "stretch")
MISSING = ("refuse", "drop", "fill")

# Training: what is small in the end, and how weights are drawn at first.
LOSSES = ("crossentropy", "logistic", "squared")
INITIALIZERS = ("published", "pytorch")
OPTIMIZERS = ("sgd", "adam")
STRATEGIES = ("auto", "single", "mirrored", "multi_worker")
BATCH_STATISTICS = ("synchronized", "local")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")

# What a network is written as for programs without Keras.
EXPORT_FORMATS = ("savedmodel", "onnx", "litert")

# Ways to say which parts of an image a logit comes from.
ATTRIBUTIONS = (
    "contributions",
    "gradient",
    "gradient_x_input",
    "integrated_gradients",
    "smoothgrad",
    "grad_cam",
    "occlusion",
    "excitation_pullback",
)

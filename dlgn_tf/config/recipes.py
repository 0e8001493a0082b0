"""How each architecture is trained by default, as published.

Imports nothing heavy. A recipe is a set of defaults for the training flags;
any flag that is given wins over it.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Defaults of the training flags.

    Attributes:
        source: Where the values come from.
        optimizer: `"sgd"` or `"adam"`.
        learning_rates: Floats, one more than `boundaries`.
        boundaries: Steps at which the next learning rate takes over.
        batch_size: Images a step, over all replicas.
        l2: Coefficient of the sum of squared kernels.
        train_steps: Steps in all, or None where `epochs` counts.
        epochs: Passes over the training images, or None.
        momentum: Of SGD.
        nesterov: Whether that momentum is Nesterov's.
        normalization: One of `dlgn_tf.choices.NORMALIZATIONS`.
        augment: Whether the data set's default augmentation is used.
        balanced_batches: Whether all classes have the same share of a batch.
    """

    source: str
    optimizer: str
    learning_rates: tuple[float, ...]
    batch_size: int
    boundaries: tuple[int, ...] = ()
    l2: float = 0.0
    train_steps: int | None = None
    epochs: int | None = None
    momentum: float = 0.9
    nesterov: bool = False
    normalization: str = "unit"
    augment: bool = False
    balanced_batches: bool = False


def _lineage(source, l2):
    return Recipe(
        source=source,
        optimizer="sgd",
        learning_rates=(0.01, 0.1, 0.01, 0.001),
        boundaries=(400, 32_000, 48_000),
        batch_size=128,
        l2=l2,
        train_steps=64_000,
        normalization="dataset",
        augment=True,
    )


def _constant(source, optimizer, learning_rate, epochs, momentum=0.9):
    return Recipe(
        source=source,
        optimizer=optimizer,
        learning_rates=(learning_rate,),
        batch_size=32,
        epochs=epochs,
        momentum=momentum,
    )


RECIPES = {
    # Keras' L2 adds l2 * sum(w^2), so 1e-4 is a weight decay of 2e-4.
    "resnet": _lineage("resnets-in-tensorflow2, ResNet", l2=1e-4),
    "vgg": _lineage("resnets-in-tensorflow2, VGG", l2=2.5e-4),
    "wrn": dataclasses.replace(
        _lineage("resnets-in-tensorflow2, Wide ResNet", l2=2.5e-4),
        learning_rates=(0.1, 0.02, 0.004, 0.0008),
        boundaries=(24_000, 48_000, 64_000),
        train_steps=80_000,
        nesterov=True,
    ),
    "c4gap": _constant(
        "DLGN paper, Table I (learning rate and epochs assumed)",
        "adam",
        3e-4,
        epochs=50,
    ),
    "c1gap": _constant(
        "DLGN paper, Table III (learning rate assumed)",
        "adam",
        1e-3,
        epochs=200,
    ),
    "fc": _constant("NPK paper, FC with Adam", "adam", 1e-4, epochs=100),
    "gconv": _constant("NPK paper, GCONV with Adam", "adam", 3e-4, epochs=200),
    "vconv": _constant("NPK paper, VCONV with Adam", "adam", 3e-4, epochs=80),
    # Batches are of 100 for CIFAR-100.
    "largecnn": dataclasses.replace(
        _constant(
            "SMASO paper, Table 2 (optimiser, epochs, batches, scale of the "
            "images as in its authors' code; assumed)",
            "adam",
            1e-3,
            epochs=120,
        ),
        batch_size=50,
        normalization="per_image",
        balanced_batches=True,
    ),
    # PyTorch's weight decay of 1e-4 is an L2 of 5e-5.
    "scattering": Recipe(
        source="Rainbow paper, learned scattering networks",
        optimizer="sgd",
        learning_rates=(0.01, 0.001, 0.0001),
        # 50 epochs each, of 50,000 images.
        boundaries=(19_532, 39_063),
        batch_size=128,
        l2=5e-5,
        train_steps=58_594,
        normalization="dataset",
        augment=True,
    ),
    "scattering_mini": Recipe(
        source="assumed",
        optimizer="sgd",
        learning_rates=(0.05,),
        batch_size=128,
        epochs=10,
        normalization="dataset",
    ),
    "keras": dataclasses.replace(
        _constant("assumed", "adam", 1e-3, epochs=20),
        batch_size=64,
    ),
    "gray": Recipe(
        source="Rainbow paper, its tutorial (there --normalization=imagenet)",
        optimizer="sgd",
        learning_rates=(0.01,),
        batch_size=128,
        epochs=5,
        normalization="dataset",
    ),
}

# What was published with the other optimiser, by recipe.
OTHER_OPTIMIZER = {
    "fc": _constant("NPK paper, FC with SGD", "sgd", 1e-2, 300, momentum=0.0),
    "gconv": _constant(
        "NPK paper, GCONV with SGD", "sgd", 1e-1, 100, momentum=0.0
    ),
    "vconv": _constant(
        "NPK paper, VCONV with SGD", "sgd", 1e-2, 80, momentum=0.0
    ),
    "gray": dataclasses.replace(
        RECIPES["gray"],
        source="assumed",
        optimizer="adam",
        learning_rates=(0.001,),
    ),
}


def recipe_for(name, optimizer=None):
    """The recipe of an architecture, for an optimiser if one is asked for.

    Args:
        name: Key of `RECIPES`.
        optimizer: `"sgd"`, `"adam"` or None.
    """
    recipe = RECIPES[name]
    if optimizer in (None, recipe.optimizer):
        return recipe
    return OTHER_OPTIMIZER.get(name, recipe)

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
        normalize: Whether pixels are standardised with the data set's mean
            and standard deviation, or only divided by 255.
        augment: Whether the data set's default augmentation is used.
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
    normalize: bool = False
    augment: bool = False


def _lineage(source, l2):
    return Recipe(
        source=source,
        optimizer="sgd",
        learning_rates=(0.01, 0.1, 0.01, 0.001),
        boundaries=(400, 32_000, 48_000),
        batch_size=128,
        l2=l2,
        train_steps=64_000,
        normalize=True,
        augment=True,
    )


def _adam(source, learning_rate, epochs):
    return Recipe(
        source=source,
        optimizer="adam",
        learning_rates=(learning_rate,),
        batch_size=32,
        epochs=epochs,
    )


RECIPES = {
    # Keras' L2 adds l2 * sum(w^2), so 1e-4 is a weight decay of 2e-4.
    "resnet": _lineage("lineage resnets-in-tensorflow2", l2=1e-4),
    "vgg": _lineage("lineage resnets-in-tensorflow2", l2=2.5e-4),
    "wrn": dataclasses.replace(
        _lineage("lineage resnets-in-tensorflow2, Wide ResNet", l2=2.5e-4),
        learning_rates=(0.1, 0.02, 0.004, 0.0008),
        boundaries=(24_000, 48_000, 64_000),
        train_steps=80_000,
        nesterov=True,
    ),
    # The optimiser is the paper's; learning rate and epochs are assumed.
    "c4gap": _adam("DLGN paper, Table I", 3e-4, epochs=50),
    "c1gap": _adam("DLGN paper, Table III", 1e-3, epochs=200),
    "fc": _adam("NPK paper, FC with Adam", 1e-4, epochs=100),
    "gconv": _adam("NPK paper, GCONV with Adam", 3e-4, epochs=200),
    "vconv": _adam("NPK paper, VCONV with Adam", 3e-4, epochs=80),
}

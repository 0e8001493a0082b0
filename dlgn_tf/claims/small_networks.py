"""Small networks in general position, on which exact statements are tested."""

import contextlib
import dataclasses

import keras
import numpy as np

from dlgn_tf.layers import BatchNorm
from dlgn_tf.models.build import create_model


@dataclasses.dataclass(frozen=True)
class SmallNetwork:
    """An architecture of the zoo, narrow and for small images.

    Its label is for people, and the architecture unless given.
    """

    architecture: str
    width: int = 4
    # Further ones of the architecture.
    options: dict = dataclasses.field(default_factory=dict)
    label: str | None = None
    image_shape: tuple[int, int, int] = (8, 8, 3)

    def __str__(self):
        return self.label or self.architecture

    @property
    def size(self):
        height, width, _ = self.image_shape
        return f"width {self.width}, {height}x{width}"

    def create(self, family, rng, **arguments):
        """A model of the family with fresh weights drawn from `rng`.

        The arguments are those of `create_model`.
        """
        return create_model(
            f"{self.architecture}_{family}",
            self.image_shape,
            seed=int(rng.integers(2**31)),
            width=self.width,
            **self.options,
            **arguments,
        )

    def images(self, rng, count=4):
        """Float images of independent uniform pixels in [0, 255]."""
        return rng.uniform(0, 255, (count, *self.image_shape))


# VGG halves an image five times.
VGG16 = SmallNetwork("vgg16", image_shape=(32, 32, 3))
RESNET110 = SmallNetwork("resnet110")


def listed(networks):
    """Networks on one line, those of one size together."""
    by_size = {}
    for network in networks:
        by_size.setdefault(network.size, []).append(str(network))
    return "; ".join(
        f"{', '.join(labels)} ({size})" for size, labels in by_size.items()
    )


def leave_initial_point(network, rng):
    """Gives biases and batch normalisations values as training would.

    As they are made they add nothing and divide by (almost) one, and a mistake
    in them would not show.
    """
    for layer in network.layers:
        if isinstance(layer, BatchNorm):
            shape = layer.moving_mean.shape
            if layer.gamma is not None:
                layer.gamma.assign(rng.uniform(0.5, 1.0, shape))
            layer.moving_variance.assign(rng.uniform(0.5, 2.0, shape))
            layer.moving_mean.assign(rng.normal(0, 0.3, shape))
            if layer.beta is not None:
                layer.beta.assign(rng.normal(0, 0.3, shape))
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))


@contextlib.contextmanager
def floating_point(dtype):
    """Makes models that are made inside hold and compute in `dtype`."""
    floatx = keras.config.floatx()
    policy = keras.config.dtype_policy()
    # The policy is that of layers, floatx that of their inputs.
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def relative_difference(tensor, reference):
    """max |tensor - reference| / max |reference|, as a float."""
    tensor, reference = np.asarray(tensor), np.asarray(reference)
    return float(np.abs(tensor - reference).max() / np.abs(reference).max())

"""A trained network that another one imitates (distillation).

Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural
Network" (arXiv 1503.02531), section 2.
"""

from typing import Any

from keras import ops

from dlgn_tf.command import fields
from dlgn_tf.config import Config
from dlgn_tf.training import trained


class Teacher:
    """What a trained network adds to the loss of another.

    With logits z of the network, t of its teacher, and a temperature T, an
    example's loss is

        (1 - share) cross-entropy + share T^2 KL(softmax(t / T), softmax(z / T))

    whose gradient is about as large at every temperature.

    Args:
        config: `Config`, whose `teacher` is a path of a trained network.

    Raises:
        UserError: if there is none, or it is for other images or classes.
    """

    def __init__(self, config: Config):
        with trained.named("teacher", config.teacher):
            self._network = trained.load_trained(config.teacher, config)
        self._share = config.teacher_share
        self._temperature = config.teacher_temperature
        info = config.info
        expected = (info.image_shape, info.classes)
        found = (self._network.image_shape, self._network.classes)
        if found != expected or self._network.objective.loss == "squared":
            fields.refuse(
                "teacher",
                f"a network of {info.name}, images of {expected[0]} and "
                f"{expected[1]} classes",
                f"{config.teacher}, images of {found[0]} and {found[1]}",
            )

    def __call__(self, images: Any, logits: Any, losses: Any) -> Any:
        """Losses `(batch,)` of examples, the teacher's share included.

        Args:
            images: Tensor `(batch, height, width, channels)`.
            logits: Tensor `(batch, classes)`, of the network.
            losses: Tensor `(batch,)`, its cross-entropy.
        """
        taught = ops.stop_gradient(self._network(images, training=False))
        taught, logits = (
            ops.log_softmax(ops.cast(x, "float32") / self._temperature)
            for x in (taught, logits)
        )
        apart = ops.sum(ops.exp(taught) * (taught - logits), axis=-1)
        apart = self._temperature**2 * apart
        return (1 - self._share) * losses + self._share * apart


def of(config: Config) -> Teacher | None:
    """The `Teacher` that a `Config` names, or None."""
    return Teacher(config) if config.teacher else None

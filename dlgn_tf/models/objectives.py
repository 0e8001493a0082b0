"""What a network learns to say, classes or numbers. Imports nothing heavy.

A model has one as its `objective`; training, evaluation, records and export
ask it for the loss and for what is the better the larger it is.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Classes:
    """Labels are numbers of classes, outputs their logits.

    Attributes:
        loss: `"crossentropy"`, or `"logistic"`: the same of the two logits that
            are made of one output, see `dlgn_tf.layers.TwoLogits`.
        variance: Float, what the loss is divided by in training.
        score: String, the name of what is better the larger it is.
    """

    loss: str = "crossentropy"
    variance: float = 1.0
    score = "accuracy"

    @property
    def arguments(self) -> tuple:
        """Those of `of`."""
        return (self.loss,)

    def measured(self, outputs: Any, labels: Any, of_classes: Callable):
        """The loss of each example, and the sum of their errors.

        Args:
            outputs: Tensor `(batch, outputs)`.
            labels: Tensor `(batch,)`, or `(batch, outputs)` of numbers.
            of_classes: The backend's function of logits and classes that
                returns both.
        """
        return of_classes(outputs, labels)

    def of_examples(self, totals: Any, labels: Any) -> Any:
        """`Totals` of an evaluation, errors on the scale of these examples."""
        del labels
        return totals

    def curves(self, totals: Any) -> dict[str, float]:
        """What curves and records show of `Totals`, by name."""
        return {
            "error_rate": totals.error_rate,
            "classification_loss": totals.mean_classification_loss,
        }

    def details(self, totals: Any) -> str:
        return f"{totals.errors:.0f} errors in {totals.images:,} images"


@dataclasses.dataclass(frozen=True)
class Numbers(Classes):
    """Labels are numbers, and their mean squared error is to be small.

    In training it is divided by the mean `variance` of the training targets,
    so that rates and penalties mean the same whatever the unit. What stands for
    the error rate is the share of the variance that is left unexplained, 1 -
    R^2: of several targets over all of them together.
    """

    loss: str = "squared"
    score = "r2"

    @property
    def arguments(self):
        return self.loss, self.variance

    def measured(self, outputs, labels, of_classes):
        from keras import ops

        del of_classes
        apart = ops.cast(outputs, "float32") - labels
        losses = ops.mean(ops.square(apart), axis=-1)
        return losses, ops.sum(losses) / self.variance

    def of_examples(self, totals, labels):
        variance = labels.var(axis=0, dtype="float64").mean()
        # As scikit-learn has it, what is constant explains nothing.
        errors = totals.images * float(totals.errors > 0)
        if variance > 0:
            errors = totals.errors * self.variance / float(variance)
        return dataclasses.replace(totals, errors=errors)

    def curves(self, totals):
        return {
            "unexplained_variance": totals.error_rate,
            "mean_squared_error": totals.mean_classification_loss,
        }

    def details(self, totals):
        return (
            f"mean squared error {totals.mean_classification_loss:.4g} over "
            f"{totals.images:,} examples"
        )


CLASSES = Classes()


def of(loss: str, variance: float = 1.0) -> Classes:
    """The objective of a loss, one of `dlgn_tf.choices.LOSSES`."""
    if loss == "squared":
        return Numbers(variance=float(variance))
    return Classes(loss)


def of_targets(loss: str, std: Sequence[float] = ()) -> Classes:
    """The objective of a loss, and of targets of such standard deviations."""
    return of(loss, sum(x**2 for x in std) / len(std) if len(std) else 1.0)


def told(record: dict) -> str:
    """The score of a record of an evaluation, for people."""
    if "test_r2" in record:
        return f"test R² {record['test_r2']:.4f}"
    return f"test accuracy {record['test_accuracy']:.2%}"


def is_whole(record: dict) -> bool:
    """Whether a record of an evaluation says all that is read of it."""
    scores = {"test_accuracy", "test_r2"}
    return "test_images" in record and not scores.isdisjoint(record)


def check_classes(loss: str, place: Any) -> None:
    """Raises a `UserError` unless a network tells classes apart."""
    if loss == "squared":
        raise UserError(
            "Expected a network that tells classes apart. Received: that of "
            f"{place}, which says numbers (--loss=squared)"
        )


def resolve(
    loss: str | None,
    regression: bool,
    classes: int,
    default: str = "crossentropy",
    members: int = 1,
) -> str:
    """The loss that is asked for, by default what fits the labels.

    Args:
        loss: One of `dlgn_tf.choices.LOSSES`, or None.
        regression: Boolean, whether labels are numbers.
        classes: Integer, how many classes there are.
        default: String, of classes.
        members: Integer, how many networks are trained at once.

    Raises:
        UserError: if it does not fit.
    """
    chosen = loss or ("squared" if regression else default)
    expected = received = None
    if regression != (chosen == "squared"):
        expected = "--loss=squared with --regression, and only there"
        received = "labels that are " + ("numbers" if regression else "classes")
    elif chosen == "logistic" and classes != 2:
        expected = "two classes with --loss=logistic"
        received = f"{classes} classes"
    elif chosen != "crossentropy" and members > 1:
        expected = "--loss=crossentropy with --members"
        received = f"{members} members"
    if expected:
        raise UserError(
            f"Expected {expected}. Received: --loss={chosen} and {received}"
        )
    return chosen

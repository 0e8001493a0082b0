"""Sums over images or steps, from which means are made."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Totals:
    """What a number of training steps or an evaluation came to.

    Attributes:
        images: Number of images.
        steps: Number of steps.
        classification_loss: Sum of the cross-entropies, in nats, or of
            squared errors.
        regularization_loss: Sum over steps.
        errors: Number of images classified wrongly; of a regression the sum of
            squared errors divided by the variance of targets.
        orthogonality_loss: The orthogonality penalty's term, summed over
            steps.
        finite: Whether all losses were finite; training stops at one that is
            not, and counts it.
        member_errors: `errors` of each member of an ensemble, in an
            evaluation; empty otherwise.
    """

    images: int = 0
    steps: int = 0
    classification_loss: float = 0.0
    regularization_loss: float = 0.0
    errors: float = 0.0
    orthogonality_loss: float = 0.0
    finite: bool = True
    member_errors: tuple[float, ...] = ()

    @classmethod
    def of_evaluation(cls, images, steps, sums):
        """Of sums over images: losses, errors, and those of each member."""
        loss, errors, *of_members = map(float, sums)
        return cls(
            images, steps, loss, errors=errors, member_errors=tuple(of_members)
        )

    def sums(self):
        """The sums that steps add to, as a list."""
        return [
            self.classification_loss,
            self.regularization_loss,
            self.errors,
            self.orthogonality_loss,
        ]

    def as_dict(self):
        return dataclasses.asdict(self)

    @property
    def error_rate(self):
        return self.errors / max(self.images, 1)

    @property
    def accuracy(self):
        return (self.images - self.errors) / max(self.images, 1)

    @property
    def member_accuracies(self):
        return [
            (self.images - errors) / max(self.images, 1)
            for errors in self.member_errors
        ]

    @property
    def mean_classification_loss(self):
        return self.classification_loss / max(self.images, 1)

    @property
    def mean_regularization_loss(self):
        return self.regularization_loss / max(self.steps, 1)

    @property
    def mean_orthogonality_loss(self):
        return self.orthogonality_loss / max(self.steps, 1)

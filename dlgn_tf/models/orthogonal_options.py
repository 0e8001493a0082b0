"""Options of orthogonal filters, and what fits together. Nothing heavy."""

import dataclasses

from dlgn_tf import choices
from dlgn_tf.errors import UserError, check_choice


@dataclasses.dataclass(frozen=True)
class OrthogonalFilters:
    """How a model's dense and convolutional filters are made orthogonal.

    Attributes:
        reparametrization: See `dlgn_tf.layers.OrthogonalKernel`, as are the
            next two.
        scale: None for the default.
        overcomplete: String.
        networks: Which networks of a gated model: `"both"`, `"gating"` or
            `"value"`.
    """

    reparametrization: str = "gram_schmidt"
    scale: str | None = None
    overcomplete: str = "tight"
    networks: str = "both"

    def __post_init__(self):
        for name, allowed in (
            ("reparametrization", choices.ORTHOGONAL_MAPS),
            ("scale", (None, *choices.FILTER_LENGTHS)),
            ("overcomplete", choices.OVERCOMPLETE),
            ("networks", choices.ORTHOGONAL_NETWORKS),
        ):
            check_choice(name, getattr(self, name), allowed)
        gram_schmidt = self.reparametrization == "gram_schmidt"
        if self.scale is None:
            object.__setattr__(
                self, "scale", "residual" if gram_schmidt else "gain"
            )
        if self.scale == "residual" and not gram_schmidt:
            raise UserError(
                "Only the Gram-Schmidt process leaves residuals. Expected "
                "scale unit or gain. Received: scale residual with "
                f"reparametrization {self.reparametrization}"
            )

    def check_model(self, family, gate_regime=None, members=1):
        """Raises a `UserError` if a model cannot be made so."""
        check_networks(self.networks, family, members)
        if gate_regime == "frozen_dependent" and self.networks != "both":
            raise UserError(
                "Gates of regime frozen_dependent start as a copy of the value "
                "network, so both have orthogonal filters or none. Expected "
                f"orthogonal networks both. Received: {self.networks}"
            )


def check_networks(networks, family, members=1):
    """Raises a `UserError` if there is no such network, or an ensemble."""
    if family == "dnn" and networks != "both":
        raise UserError(
            "A ReLU network (family dnn) is a single network. Expected no "
            f"choice of orthogonal networks. Received: {networks}"
        )
    if members > 1:
        raise UserError(
            "Expected orthogonal filters, or a penalty for others, with a "
            f"single network. Received: an ensemble of {members} members"
        )

"""Max-affine spline operators: what a layer with a convex nonlinearity is."""

import dataclasses

import numpy as np
from numpy import ndarray as Array
from scipy import sparse

from dlgn_tf.splines import composition, selection


@dataclasses.dataclass(frozen=True)
class MASO:
    """Units that are each the largest of several affine maps.

    out_k(x) = max_r <A_kr, x> + B_kr. With other selections than the hard one
    the same parameters give the soft nonlinearities. Wherever a `beta` can be
    given it is a float or an array `(units,)` in [0, 1], by default its own.

    Source: the SMASO paper (arXiv 1810.09274), equations 1, 2 and 14 to 16.

    Attributes:
        slopes: Array `(units, regions, inputs)`, A.
        offsets: Array `(units, regions)`, B; -inf for regions that a unit does
            not have, as at the border of a pooled image.
        beta: Float or array `(units,)`: 1 for the largest, less for a soft
            choice.
        log_counts: Array `(units, regions)` or a number: the logarithm of how
            many regions with the same affine map each one stands for, which a
            soft choice tells apart.
        entropy: `"shannon"` or `"tsallis"`, what beta weighs against the
            scores, see `selection`.
    """

    slopes: np.ndarray
    offsets: np.ndarray
    beta: float | np.ndarray = 1.0
    log_counts: float | np.ndarray = 0.0
    entropy: str = "shannon"

    def __post_init__(self):
        shapes = np.shape(self.slopes), np.shape(self.offsets)
        if len(shapes[0]) != 3 or shapes[0][:2] != shapes[1]:
            raise ValueError(
                "Expected slopes (units, regions, inputs) and offsets (units, "
                f"regions). Received: shapes {shapes[0]} and {shapes[1]}"
            )
        for name in ("slopes", "offsets"):
            array = np.asarray(getattr(self, name), "float64")
            object.__setattr__(self, name, array)

    @property
    def units(self) -> int:
        return self.slopes.shape[0]

    @property
    def regions(self) -> int:
        return self.slopes.shape[1]

    @property
    def inputs(self) -> int:
        return self.slopes.shape[2]

    def scores(self, x: Array) -> Array:
        """<A_kr, x> + B_kr of points x, `(points, units, regions)`."""
        flat = self.slopes.reshape(-1, self.inputs)
        products = np.asarray(x, "float64") @ flat.T
        return products.reshape(-1, *self.offsets.shape) + self.offsets

    def select(self, x: Array, beta: float | None = None) -> Array:
        """The selection of `selection.beta_vq`, `(points, units, regions)`."""
        return self._selected(self.scores(x), beta)

    def _selected(self, scores, beta):
        beta = self.beta if beta is None else beta
        return selection.beta_vq(scores, beta, self.log_counts, self.entropy)

    def __call__(self, x: Array, beta: float | None = None) -> Array:
        """The layer's output `(points, units)`; at beta = 1 the largest."""
        scores = self.scores(x)
        return selection.combine(self._selected(scores, beta), scores)

    def affine_form(self, weights: Array) -> tuple[Array, Array]:
        """A[T] and B[T], with which the output is A[T] x + B[T].

        Of a selection T, `(units, regions)`: arrays `(units, inputs)` and
        `(units,)`.
        """
        slopes = np.einsum("kr,krd->kd", weights, self.slopes)
        return slopes, selection.combine(weights, self.offsets)

    def jacobian(self, x: Array, beta: float | None = None) -> Array:
        """Derivative of the output in the input, off the cells' borders.

        sum_r t_r A_r + eta sum_r m_r (v_r - mean v) A_r, the second sum only
        where the selection is not hard; m, which weighs the mean, is t with
        Shannon's entropy, see `selection.derivative_weights`. Of `(points,
        inputs)`: array `(points, units, inputs)`.
        """
        scores = self.scores(x)
        weights = self._selected(scores, beta)
        finite = np.where(np.isneginf(scores), 0, scores)
        m = selection.derivative_weights(weights, self.log_counts, self.entropy)
        mean = np.average(finite, axis=-1, weights=m)
        eta = selection.odds(self.beta if beta is None else beta)[..., None]
        soft = np.isfinite(eta)
        spread = np.where(soft, eta, 0) * (finite - mean[..., None])
        return np.einsum("nkr,krd->nkd", weights + m * spread, self.slopes)

    def after(self, other: "MASO") -> "MASO":
        """This operator on the output of another one.

        Raises:
            ValueError: if the other has not as many units as this has inputs.
            UserError: if the two are not the largest of affine maps, see
                `composition.compose`.
        """
        slopes = sparse.csr_array(self.slopes.reshape(-1, self.inputs))
        maps = composition.Maps(
            slopes, self.offsets, self.beta, self.log_counts, self.entropy
        )
        return MASO(*composition.compose(maps, other))

    def plus(self, other: "MASO") -> "MASO":
        """This operator plus another one: a skip connection.

        Raises:
            ValueError: if the other has other numbers of units or inputs.
        """
        if self.units != other.units:
            raise ValueError(
                f"Expected {self.units} units. Received: {other.units}"
            )
        both = MASO(*composition.stacked([self, other]))
        added = np.tile(np.eye(self.units), 2)[:, None]
        return MASO(added, np.zeros((self.units, 1))).after(both)

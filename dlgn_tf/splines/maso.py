"""Max-affine spline operators: what a layer with a convex nonlinearity is."""

import dataclasses

import numpy as np

from dlgn_tf.splines import selection


@dataclasses.dataclass(frozen=True)
class MASO:
    """Units that are each the largest of several affine maps.

    out_k(x) = max_r <A_kr, x> + B_kr. With other selections than the hard one
    the same parameters give the soft nonlinearities.

    Source: the SMASO paper (arXiv 1810.09274), equations 1, 2 and 14 to 16.

    Attributes:
        slopes: Array `(units, regions, inputs)`, A.
        offsets: Array `(units, regions)`, B; -inf for regions that a unit does
            not have, as at the border of a pooled image.
    """

    slopes: np.ndarray
    offsets: np.ndarray

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
    def units(self):
        return self.slopes.shape[0]

    @property
    def regions(self):
        return self.slopes.shape[1]

    @property
    def inputs(self):
        return self.slopes.shape[2]

    def scores(self, x):
        """<A_kr, x> + B_kr.

        Args:
            x: Array `(points, inputs)`.

        Returns:
            Array `(points, units, regions)`.
        """
        flat = self.slopes.reshape(-1, self.inputs)
        products = np.asarray(x, "float64") @ flat.T
        return products.reshape(-1, *self.offsets.shape) + self.offsets

    def select(self, x, beta=1.0):
        """The selection of `selection.beta_vq`, `(points, units, regions)`."""
        return selection.beta_vq(self.scores(x), beta)

    def __call__(self, x, beta=1.0):
        """The layer's output `(points, units)`; at beta = 1 the largest."""
        scores = self.scores(x)
        return selection.combine(selection.beta_vq(scores, beta), scores)

    def affine_form(self, weights):
        """A[T] and B[T], with which the output is A[T] x + B[T].

        Args:
            weights: Selection T, `(units, regions)`.

        Returns:
            Arrays `(units, inputs)` and `(units,)`.
        """
        slopes = np.einsum("kr,krd->kd", weights, self.slopes)
        return slopes, selection.combine(weights, self.offsets)

    def jacobian(self, x, beta=1.0):
        """Derivative of the output in the input, off the cells' borders.

        sum_r t_r A_r + eta sum_r t_r (v_r - mean v) A_r, the second sum only
        where the selection is not hard.

        Args:
            x: Array `(points, inputs)`.
            beta: Float in [0, 1].

        Returns:
            Array `(points, units, inputs)`.
        """
        scores = self.scores(x)
        weights = selection.beta_vq(scores, beta)
        if beta < 1:
            finite = np.where(np.isneginf(scores), 0, scores)
            mean = selection.combine(weights, finite)[..., None]
            spread = selection.odds(beta) * (finite - mean)
            weights = weights * (1 + spread)
        return np.einsum("nkr,krd->nkd", weights, self.slopes)

    def after(self, affine):
        """This operator on the output of an affine one (a single region).

        Raises:
            ValueError: if the other has several regions, or not as many units
                as this has inputs.
        """
        if affine.regions != 1 or affine.units != self.inputs:
            raise ValueError(
                f"Expected {self.inputs} units of one region. Received: "
                f"{affine.units} units of {affine.regions} regions"
            )
        return MASO(
            self.slopes @ affine.slopes[:, 0],
            self.offsets + self.slopes @ affine.offsets[:, 0],
        )

    def plus(self, affine):
        """This operator plus an affine one: a skip connection.

        Raises:
            ValueError: if the other has several regions or another shape.
        """
        shape = (self.units, 1, self.inputs)
        if affine.slopes.shape != shape:
            raise ValueError(
                f"Expected slopes {shape}. Received: {affine.slopes.shape}"
            )
        return MASO(self.slopes + affine.slopes, self.offsets + affine.offsets)

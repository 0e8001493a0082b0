"""Sparsemax: the nearest point of the simplex."""

import numpy as np
from keras import ops


def sparsemax(scores, axis=-1):
    """The weights t >= 0 of sum 1 that maximise <t, scores> + (1 - |t|^2) / 2.

    They are `max(scores - tau, 0)` with the tau that makes them sum to 1.
    Scores that are 1 or more below the highest have weight 0.

    (`keras.ops.sparsemax` of Keras 3.15 takes another tau where more than one
    weight is above 0: those of (1, 1/2) are 1/4 and 0 there.)

    Source: Martins and Astudillo, "From Softmax to Sparsemax" (arXiv
    1602.02068), equation 1 and algorithm 1.

    Args:
        scores: Floating tensor, at least one score along the axis finite; -inf
            stands for a region that there is not.
        axis: Integer, along which regions lie.

    Returns:
        Weights in [0, 1], a tensor of the same shape and dtype.
    """
    below = scores - ops.max(scores, axis=axis, keepdims=True)
    # Exact, and finite where scores are not.
    below = ops.maximum(below, -1.0)
    ranked = -ops.sort(-below, axis=axis)
    shape = [1] * len(scores.shape)
    shape[axis] = -1
    counts = np.arange(1, scores.shape[axis] + 1).reshape(shape)
    sums = ops.cumsum(ranked, axis=axis)
    # With the weights of any regions alone, tau would be this or less.
    of_first = (sums - 1) / ops.cast(counts, scores.dtype)
    tau = ops.max(of_first, axis=axis, keepdims=True)
    return ops.maximum(below - tau, 0.0)

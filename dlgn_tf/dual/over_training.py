"""Kernels measured against labels: once, and along the steps of a training."""

import numpy as np

from dlgn_tf.dual import kernel_learning
from dlgn_tf.dual.network_kernel import neural_path_kernel
from dlgn_tf.dual.tangent_kernel import empirical_ntk
from dlgn_tf.errors import UserError


def describe(kernel, test_kernel, train, test, classes, ridge, seed=0):
    """What kernels `(n, n)` and `(m, n)` know about labels, a dict of floats.

    label_alignment is the mean over the classes.

    Raises:
        UserError: if the kernel is 0, or singular and `ridge` is 0.
    """
    try:
        alignments = kernel_learning.label_alignment(
            kernel, train.labels, classes, ridge
        )
    except np.linalg.LinAlgError as error:
        raise UserError(
            "Expected an alignment ridge > 0 for a kernel that is singular. "
            f"Received: {ridge}"
        ) from error
    fit = kernel_learning.ridge_regression(
        kernel, train.labels, test_kernel, test.labels, classes, seed=seed
    )
    target_alignment, centered = (
        kernel_learning.kernel_target_alignment(
            kernel, train.labels, classes, centered=flag
        )
        for flag in (False, True)
    )
    return {
        "regression_accuracy": fit.accuracy,
        "ridge": fit.parameter,
        "label_alignment": float(alignments.mean()),
        "target_alignment": target_alignment,
        "centered_target_alignment": centered,
    }


def path_kernels(
    steps, load, evaluate, train, test, classes, ridge, seed=0, **options
):
    """How the neural path kernel learns.

    Yields a dict for each of `steps`, whose model `load` gives: step, the
    numbers of images and test_images, network_accuracy as `evaluate` has it,
    what `describe` finds, effective ranks, and the `kernel_distance` from the
    last step's kernel. Options are those of `neural_path_kernel`.
    """

    def kernel_of(model):
        return neural_path_kernel(model, train.images, **options)

    last = kernel_of(load(steps[-1]))
    for step in steps:
        model = load(step)
        kernel = last if step == steps[-1] else kernel_of(model)
        test_kernel = neural_path_kernel(
            model, test.images, train.images, **options
        )
        spectrum = kernel_learning.spectrum(kernel)
        yield {
            "step": step,
            "images": len(train),
            "test_images": len(test),
            "network_accuracy": evaluate(model),
            **describe(kernel, test_kernel, train, test, classes, ridge, seed),
            "effective_rank": spectrum.effective_rank,
            "centered_effective_rank": spectrum.centered_effective_rank,
            "distance_from_last": kernel_learning.kernel_distance(kernel, last),
        }


def tangent_kernels(steps, load, train, **options):
    """How the two parts of a gated network's tangent kernel change.

    Source: the neural path kernel paper (arXiv 2006.10529), whose code measures
    trace and norm of both parts while a DGN is trained. That the kernel is the
    sum of those of all logits, and the norm is Frobenius', is assumed.

    Yields:
        Dict for each of `steps`, whose model `load` gives: step, the number of
        images, and for value, gating and total their _trace and _norm.
    """
    for step in steps:
        ntk = empirical_ntk(load(step), train.images, logit="each", **options)
        row = {"step": step, "images": len(train)}
        for part in ("value", "gating", "total"):
            matrix = getattr(ntk, part)
            row[f"{part}_trace"] = float(np.trace(matrix))
            row[f"{part}_norm"] = float(np.linalg.norm(matrix))
        yield row

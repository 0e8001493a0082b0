"""What a kernel matrix knows about labels, and its spectrum.

All functions take kernel matrices that were computed elsewhere, `(n, n)` of the
training images and `(m, n)` of test images by training images, and labels as
integers. None of them depends on the scale of the kernel.
"""

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf import factorizations
from dlgn_tf.errors import UserError

# What a parameter is chosen from. The ridge counts in mean eigenvalues of the
# kernel, trace / n.
RIDGES = tuple(10.0**k for k in range(-7, 2))
SVM_COSTS = tuple(10.0**k for k in range(-2, 6))

_VALIDATION_SHARE = 0.2


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """What a kernel method learned.

    Attributes:
        predictions: Integer array `(m,)`, the labels that it gives the test
            images.
        accuracy: Float in [0, 1], on them.
        parameter: Float, the ridge or the cost that was chosen.
    """

    predictions: np.ndarray
    accuracy: float
    parameter: float


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of a kernel matrix.

    Attributes:
        eigenvalues: Array `(n,)` from the largest on, divided by their sum;
            those that rounding leaves of 0 are 0.
        effective_rank: Float, exp of the entropy of the eigenvalues. Source:
            Roy and Vetterli, "The effective rank", EUSIPCO 2007. Of a kernel
            that is nowhere negative it is low for the mean of the features
            alone.
        participation_ratio: Float, 1 / sum of their squares.
        centered_effective_rank: Float, that of features less their mean. Ranks
            and ratio are 0 where there is nothing to count.
    """

    eigenvalues: np.ndarray
    effective_rank: float
    participation_ratio: float
    centered_effective_rank: float


def class_targets(labels: Array, classes: int) -> Array:
    """Targets of one-vs-rest regression: one-hot less its mean, 1 / classes.

    float64 `(n, classes)` of labels `(n,)`, rows of sum 0. With two classes the
    columns are +-1/2.
    """
    return np.eye(classes)[np.asarray(labels)] - 1.0 / classes


def ridge_regression(
    kernel: Array,
    labels: Array,
    test_kernel: Array,
    test_labels: Array,
    classes: int,
    ridges: Sequence[float] = RIDGES,
    seed: int = 0,
) -> Fit:
    """Kernel ridge regression, one-vs-rest.

    Args:
        kernel: `(n, n)`, of training images.
        labels: Integer array `(n,)`.
        test_kernel: `(m, n)`.
        test_labels: Integer array `(m,)`.
        classes: Integer.
        ridges: Floats > 0, in units of the mean eigenvalue trace / n. Of
            several the one is taken that does best on a fifth of the training
            images when fitted to the others; the larger of equals.
        seed: Integer, draws that fifth.

    Raises:
        UserError: if the shapes or labels do not fit one another, or the
            kernel is 0.
    """
    from sklearn.kernel_ridge import KernelRidge

    _check_sets(kernel, labels, test_kernel, test_labels)
    check_labels(labels, classes)
    targets = class_targets(labels, classes)

    def predict(ridge, train, fitted, asked):
        model = KernelRidge(alpha=ridge, kernel="precomputed")
        with warnings.catch_warnings():
            # A ridge so small that rounding shows loses the choice.
            warnings.simplefilter("ignore")
            model.fit(fitted, targets[train])
        return model.predict(asked).argmax(-1)

    return _fit(predict, ridges, kernel, labels, test_kernel, test_labels, seed)


def support_vectors(
    kernel: Array,
    labels: Array,
    test_kernel: Array,
    test_labels: Array,
    costs: Sequence[float] = SVM_COSTS,
    seed: int = 0,
) -> Fit:
    """A support vector machine, one class against one other.

    Of labels of a single class, all images are said to be it.

    Args:
        costs: Floats > 0, the C of the soft margin for a kernel of mean
            diagonal 1. Of several one is chosen as in `ridge_regression`, the
            smaller of equals.

    The other arguments, what is returned and what is raised are those of
    `ridge_regression`.
    """
    from sklearn.svm import SVC

    labels = np.asarray(labels)
    sets = kernel, labels, test_kernel, test_labels
    _check_sets(*sets)

    def predict(cost, train, fitted, asked):
        if len(set(labels[train])) == 1:
            return np.full(len(asked), labels[train][0])
        model = SVC(C=cost, kernel="precomputed")
        return model.fit(fitted, labels[train]).predict(asked)

    return _fit(predict, sorted(costs, reverse=True), *sets, seed)


def _check_sets(kernel, labels, test_kernel, test_labels):
    """Raises a `UserError` unless kernels and labels are of the same images."""
    n, m = len(labels), len(test_labels)
    shapes = np.shape(kernel), np.shape(test_kernel)
    if shapes != ((n, n), (m, n)):
        raise UserError(
            f"Expected kernels of shapes {(n, n)} and {(m, n)}, as there are "
            f"{n} labels and {m} test labels. Received: {shapes[0]} and "
            f"{shapes[1]}"
        )


def check_labels(labels, classes):
    labels = np.asarray(labels)
    if not np.all((labels >= 0) & (labels < classes)):
        raise UserError(
            f"Expected labels from 0 to {classes - 1}. Received: labels from "
            f"{labels.min()} to {labels.max()}"
        )


def _check_square(kernel):
    if np.ndim(kernel) != 2 or len(set(np.shape(kernel))) != 1:
        raise UserError(
            "Expected a kernel of shape (n, n). Received: shape "
            f"{np.shape(kernel)}"
        )


def _mean_eigenvalue(kernel):
    """trace / n, which is not 0."""
    mean = np.trace(kernel) / len(kernel)
    if not mean > 0:
        raise UserError(
            "Expected a kernel that is not 0. Received: one of gates that are "
            "shut on every path, for every image"
        )
    return mean


def _fit(predict, parameters, kernel, labels, test_kernel, test_labels, seed):
    """Chooses a parameter on a split of the training images, then uses it.

    `predict` gets a parameter, the indices of the images to fit, and the
    kernels of them by themselves and of others by them; it returns labels of
    those others. The last one of equal parameters is taken.
    """
    labels, test_labels = np.asarray(labels), np.asarray(test_labels)
    scale = _mean_eigenvalue(kernel)
    kernel, test_kernel = kernel / scale, test_kernel / scale
    chosen, score = parameters[0], None
    # Of a single image none is left to choose on.
    if len(parameters) > 1 and len(labels) > 1:
        order = np.random.default_rng(seed).permutation(len(labels))
        count = max(round(_VALIDATION_SHARE * len(order)), 1)
        held, used = order[:count], order[count:]
        fitted, asked = kernel[np.ix_(used, used)], kernel[np.ix_(held, used)]
        for parameter in parameters:
            right = predict(parameter, used, fitted, asked) == labels[held]
            if score is None or right.mean() >= score:
                chosen, score = parameter, float(right.mean())
    predictions = predict(chosen, np.arange(len(labels)), kernel, test_kernel)
    accuracy = float(np.mean(predictions == test_labels))
    return Fit(predictions, accuracy, float(chosen))


def label_alignment(
    kernel: Array, labels: Array, classes: int, ridge: float = 0.0
) -> Array:
    """How hard a kernel finds the labels: `y^T (H / tr H)^{-1} y`.

    Small where the labels lie in directions of large eigenvalues; n^2 for the
    identity. Source: the neural path kernel paper (arXiv 2006.10529), which
    has two classes, y = +-1.

    Args:
        kernel: `(n, n)`, symmetric, positive semidefinite.
        labels: Integer array `(n,)`.
        classes: Integer. One column y is a class against the rest.
        ridge: Float >= 0 in units of the mean eigenvalue, 1 / n after the
            division by the trace: `(H / tr H + ridge / n I)^{-1}`.

    Returns:
        Array `(classes,)`; with two classes both are the same.

    Raises:
        UserError: if the kernel is 0.
        numpy.linalg.LinAlgError: if the matrix is singular, to rounding.
    """
    n = len(kernel)
    signs = 2.0 * np.eye(classes)[np.asarray(labels)] - 1.0
    scaled = (kernel / _mean_eigenvalue(kernel) + np.eye(n) * ridge) / n
    sizes = np.abs(factorizations.eigvalsh(scaled))
    if sizes.min() <= sizes.max() * n * np.finfo(sizes.dtype).eps:
        raise np.linalg.LinAlgError("Singular matrix")
    return np.sum(signs * np.linalg.solve(scaled, signs), axis=0)


def kernel_target_alignment(
    kernel: Array, labels: Array, classes: int, centered: bool = True
) -> float:
    """Cosine between a kernel and the labels' own kernel `Y Y^T`.

    Source: Cristianini et al., NIPS 2001, whose `y y^T`, y = +-1, this is for
    two classes; centred: Cortes, Mohri and Rostamizadeh, JMLR 13, 2012.

    It is in [-1, 1], nan where one of them is 0; `centered` says whether both
    are centred before. Y is `class_targets(labels, classes)`.
    """
    targets = class_targets(labels, classes)
    ideal = targets @ targets.T
    if centered:
        kernel, ideal = center(kernel), center(ideal)
    return _cosine(kernel, ideal)


def kernel_distance(kernel: Array, other: Array) -> float:
    """`1 - <K, K'> / (|K| |K'|)` of two kernels `(n, n)`, in [0, 2].

    It is 0 for kernels that differ by a factor only. Source: Fort et al., "Deep
    learning versus kernel learning", 2020.
    """
    return 1.0 - _cosine(kernel, other)


def center(kernel: Array) -> Array:
    """The kernel of the features less their mean: `C K C`, C = I - 1/n.

    Raises:
        UserError: if it is not square.
    """
    _check_square(kernel)
    rows = kernel.mean(axis=0, keepdims=True)
    columns = kernel.mean(axis=1, keepdims=True)
    return kernel - rows - columns + kernel.mean()


def _cosine(a, b):
    largest = np.abs(a).max(), np.abs(b).max()
    if 0.0 in largest:
        return float("nan")
    # A kernel of many layers may be so small that its squares are 0.
    a, b = a / largest[0], b / largest[1]
    return float(np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


def spectrum(kernel: Array) -> Spectrum:
    """`Spectrum` of a symmetric kernel `(n, n)`: how many eigenvalues count."""
    shares = _eigenvalue_shares(kernel, np.trace(kernel))
    of_centered = _eigenvalue_shares(center(kernel), np.trace(kernel))
    return Spectrum(
        shares,
        effective_rank(shares),
        float(1.0 / np.sum(shares**2)) if shares.any() else 0.0,
        effective_rank(of_centered),
    )


def _eigenvalue_shares(kernel, size):
    """Those below the rounding errors of a kernel of trace `size` are 0."""
    eigenvalues = factorizations.eigvalsh(kernel)[::-1]
    rounding = len(kernel) * np.finfo("float64").eps * size
    eigenvalues = np.where(eigenvalues > rounding, eigenvalues, 0.0)
    return eigenvalues / (eigenvalues.sum() or 1.0)


def effective_rank(shares: Array) -> float:
    """exp of the entropy of shares that sum to 1; 0 where all are 0."""
    positive = shares[shares > 0]
    entropy = -np.sum(positive * np.log(positive))
    return float(np.exp(entropy)) if len(positive) else 0.0


def normalized(kernel: Array) -> Array:
    """Cosines of the angles between features: `K_ij / sqrt(K_ii K_jj)`.

    `(n, n)`; 0 where an image has no features.
    """
    lengths = np.sqrt(np.diag(kernel).clip(min=0.0))
    inverse = np.divide(
        1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0
    )
    return kernel * inverse[:, None] * inverse[None, :]


def class_rows(
    kernel: Array, labels: Array, names: Sequence[str]
) -> list[dict]:
    """`class_block_means` of a kernel's cosines as rows of a table.

    `names` are of the classes.
    """
    means = class_block_means(normalized(kernel), labels, len(names))
    columns = [f"class_{name}" for name in names]
    return [
        {"class": name, **dict(zip(columns, row, strict=True))}
        for name, row in zip(names, means.tolist(), strict=True)
    ]


def class_block_means(kernel: Array, labels: Array, classes: int) -> Array:
    """Mean of a kernel over all pairs of images of two classes.

    `(classes, classes)`, of a kernel `(n, n)` and labels `(n,)`. An image's
    pair with itself is left out; nan where there is no pair.
    """
    members = np.eye(classes)[np.asarray(labels)]
    sums = members.T @ kernel @ members
    sums -= np.diag(members.T @ np.diag(kernel))
    counts = members.sum(0)
    pairs = np.outer(counts, counts) - np.diag(counts)
    return np.divide(
        sums, pairs, out=np.full_like(sums, np.nan), where=pairs > 0
    )

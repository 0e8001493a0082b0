"""How networks converge to the theorems' kernels as they grow wide.

Measured is the relative error of the value network's tangent kernel against its
limit, for the networks of three theorems of the DLGN paper (arXiv 2110.03403,
Theorems 2.1, A.1 and B.1) and a control.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.dual import convergence
from dlgn_tf.dual.random_networks import (
    Convolutional,
    FullyConnected,
    PlainReLU,
    Residual,
)
from dlgn_tf.output.folder import Output, new_figure

WIDTHS = (32, 64, 128, 256, 512)
DRAWS = 24
BIAS_WIDTH = 32
BIAS_DRAWS = 400


@dataclasses.dataclass(frozen=True)
class Setting:
    """One of `dlgn_tf.dual.random_networks`, whose convergence is measured.

    If its theorem does not hold of it, it is a control, which must not
    converge.
    """

    name: str
    theorem: str
    network: object
    holds: bool = True


# Those of the theorems, in three architectures.
SETTINGS = (
    Setting("fc", "2.1", FullyConnected()),
    Setting("fc, layers permuted", "2.1", FullyConnected(order=(2, 0, 1))),
    Setting("fc, constant input", "2.1", FullyConnected(constant=True)),
    Setting("fc, soft gates", "2.1", FullyConnected(linear=True, beta=10.0)),
    Setting("plain ReLU (control)", "2.1", PlainReLU(), holds=False),
    Setting("cnn", "A.1", Convolutional()),
    Setting("cnn, constant input", "A.1", Convolutional(constant=True)),
    Setting("resnet", "B.1", Residual()),
    Setting("resnet, constant input", "B.1", Residual(constant=True)),
    Setting("resnet, block 2 removed", "B.1", Residual(removed=2)),
)


@dataclasses.dataclass(frozen=True)
class Result:
    """What was measured of a setting: errors `(len(widths), draws)`, and bias.

    The latter is at width `BIAS_WIDTH`; see `dlgn_tf.dual.convergence`.
    """

    setting: Setting
    widths: tuple
    errors: np.ndarray
    bias: convergence.Bias

    @property
    def means(self) -> Array:
        """Mean error at each width."""
        return self.errors.mean(axis=1)

    @property
    def slope(self) -> float:
        return convergence.slope(self.widths, self.errors)


def measure(
    setting: Setting,
    rng: Generator,
    draws: int = DRAWS,
    widths: Sequence[int] = WIDTHS,
    bias_draws: int = BIAS_DRAWS,
) -> Result:
    """`Result` of so many draws for each of at least two widths."""
    network = setting.network
    return Result(
        setting,
        tuple(widths),
        convergence.errors(network, widths, draws, rng),
        convergence.bias(network, BIAS_WIDTH, bias_draws, rng),
    )


def figure(results: Sequence[Result]) -> Any:
    """Error against width of one theorem's results, both axes logarithmic."""
    from matplotlib.ticker import NullLocator

    drawn = new_figure(7, 5)
    axes = drawn.subplots()
    for result in results:
        name, widths = result.setting.name, result.widths
        spread = result.errors.std(axis=1, ddof=1)
        axes.errorbar(
            widths,
            result.means,
            spread / np.sqrt(result.errors.shape[1]),
            marker="o",
            linestyle="-" if result.setting.holds else ":",
            label=f"{name}, slope {result.slope:.2f}",
        )
    wider, first = np.array(results[0].widths), results[0].means[0]
    line = first * np.sqrt(wider[0] / wider)
    axes.plot(wider, line, "k--", label="slope -1/2")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("width")
    axes.set_ylabel("|| K - limit || / || limit ||")
    draws = results[0].errors.shape[1]
    axes.set_title(
        f"Theorem {results[0].setting.theorem}: mean of {draws} draws, "
        "standard error"
    )
    axes.legend()
    return drawn


def _error_rows(results):
    """A row for each draw."""
    return [
        {
            "theorem": r.setting.theorem,
            "setting": r.setting.name,
            "width": width,
            "draw": draw,
            "error": f"{error:.6g}",
        }
        for r in results
        for width, errors in zip(r.widths, r.errors, strict=True)
        for draw, error in enumerate(errors)
    ]


def _summary_rows(results):
    """A row for each setting."""
    return [
        {
            "theorem": r.setting.theorem,
            "setting": r.setting.name,
            "slope": f"{r.slope:.4f}",
            "error_at_least_width": f"{r.means[0]:.4f}",
            "error_at_largest_width": f"{r.means[-1]:.4f}",
            "bias_of_mean_over_standard_error": f"{r.bias.ratio:.2f}",
        }
        for r in results
    ]


def write(
    results: Sequence[Result], output_dir: str | os.PathLike
) -> list[str]:
    """Writes the tables and a picture for each theorem; returns their names."""
    output = Output(output_dir)
    output.table("errors", _error_rows(results))
    output.table("summary", _summary_rows(results))
    names = ["errors.csv", "summary.csv"]
    for theorem in dict.fromkeys(r.setting.theorem for r in results):
        of_theorem = [r for r in results if r.setting.theorem == theorem]
        output.picture(f"theorem-{theorem}", figure(of_theorem), dpi=150)
        names.append(f"theorem-{theorem}.png")
    return names

"""How far figures of several seeds lie apart."""

import numpy as np


def sample_std(values):
    """Standard deviation of a sample, which divides by n - 1.

    What stands behind "±" in tables of seeds, but for those of
    `dlgn_tf.reproduction`, which divide by n as the published ones do.

    Args:
        values: Sequence of n floats.

    Returns:
        Float; 0 for a single value.
    """
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def mean_and_range(values, form=".3f"):
    """`0.51 (0.48 to 0.53)`: mean, least and most of several seeds.

    Args:
        values: Sequence of floats; those that are not finite are left out.
        form: String, format of each number.

    Returns:
        String; of a single value that value alone, of none `"-"`.
    """
    values = np.asarray(values, float)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "-"
    if len(values) == 1:
        return f"{values[0]:{form}}"
    least, most = finite.min(), finite.max()
    return f"{finite.mean():{form}} ({least:{form}} to {most:{form}})"

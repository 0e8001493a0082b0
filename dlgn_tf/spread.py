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

"""NumPy back-propagation against differences of an independent forward pass."""

import numpy as np
import pytest

from dlgn_tf.dual import value_gradients


@pytest.mark.parametrize(
    "tiny", ["fully_connected", "line", "residual"], indirect=True
)
def test_kernel_is_that_of_differences(tiny):
    *layers, last = tiny.weights
    count = len(tiny.windows)
    if tiny.kind == "residual":
        weights = [*layers, [*last[:-1], last[-1][:, None]]]
        found = value_gradients.residual(weights, tiny.inputs, tiny.gates)
    elif count:
        found = value_gradients.convolutional(
            layers[:count],
            [*layers[count:], last[:, None]],
            tiny.inputs,
            tiny.gates[:count],
            tiny.gates[count:],
        )
    else:
        weights = [*layers, last[:, None]]
        found = value_gradients.fully_connected(
            weights, tiny.inputs, tiny.gates
        )
    np.testing.assert_allclose(
        found, tiny.tangent_kernel(), rtol=1e-10, atol=1e-12
    )

"""Test a theorem.

Gradient descent on a wide network is regression with its tangent kernel, the
inner products of its gradients. With the gates given, the tangent kernel of the
value network comes to a multiple of the neural path kernel as the network grows
wider (Theorem 2.1 of the DLGN paper, from its predecessor); the error falls
like width to the power of -1/2. So what wide value networks learn is decided by
their gates.

Measured is that error for networks with random weights and gates, a slope of
about -1/2 in the picture. A plain ReLU network, whose gates come from the very
weights that make its values, is the control: it does not come to this limit.
"""

import numpy as np
from train_a_dlgn import RUN_DIR

from dlgn_tf.dual import theorems

rng = np.random.default_rng(0)
chosen = [s for s in theorems.SETTINGS if s.name.startswith(("fc", "plain"))]
results = [
    theorems.measure(s, rng, draws=6, widths=(32, 64, 128, 256), bias_draws=20)
    for s in (chosen[0], chosen[-1])
]
for result in results:
    print(f"{result.setting.name}: error ~ width^{result.slope:.2f}")

figure = theorems.figure(results)
figure.savefig(f"{RUN_DIR}/theorem.png")

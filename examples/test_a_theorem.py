"""Test a theorem.

As a deep gated network grows wider, the tangent kernel of its value network
comes to a multiple of the neural path kernel (Theorem 2.1 of the paper's
predecessor): the error falls like width to the power of -1/2. A plain ReLU
network, whose gates move with its values, is the control: its does not.
"""

import numpy as np

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
figure.savefig("runs/tour/theorem.png")

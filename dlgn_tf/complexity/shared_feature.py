"""A disentangler net that several networks share, with maps to and from it.

Source: Ren et al. (arXiv 2006.15920), section 5.
"""

import keras
import numpy as np

from dlgn_tf.complexity import cycle as cycles_of
from dlgn_tf.complexity import disentangler as nets

# Cycles of the published figures, though 10 are trained; both are reported.
CYCLES = (5, 10)


class SharedFeature:
    """What several networks share at one order.

    Args:
        net: `keras.Model` as `reliability.train_shared` makes it: images ->
            g_k(psi) of every network k, and h_k of that in its unit.
    """

    def __init__(self, net):
        self.net = net
        output = net.get_layer(nets.OUTPUT).output
        self.psi = keras.Model(net.inputs, output, name="psi")

    @property
    def forward(self):
        """Kernels of g_k to features in their units: arrays `(C, C_k)`."""
        return self._kernels("forward")

    @property
    def back(self):
        """Kernels of h_k: float32 arrays `(C_k, C)`."""
        return self._kernels("back")

    @back.setter
    def back(self, kernels):
        for k, kernel in enumerate(kernels, start=1):
            self.net.get_layer(f"back{k}").kernel.assign(kernel)

    def reliable(self, psi, cycles=CYCLES[0]):
        """Phi(l)_reli, the reliable feature of the first network, after cycles.

        A float32 array `(n, *feature shape)`, of outputs `(n, ..., C)` of psi.
        """
        matrix = cycles_of.reliable_matrix(self.forward, self.back, cycles)
        unit = self.net.get_layer("unit1")
        return psi @ np.float32(unit.scale * matrix) + np.float32(unit.offset)

    def _kernels(self, name):
        networks = len(self.net.outputs) // 2
        return [
            keras.ops.convert_to_numpy(self.net.get_layer(f"{name}{k}").kernel)
            for k in range(1, networks + 1)
        ]

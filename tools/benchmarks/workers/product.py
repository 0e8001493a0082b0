"""Products of float32 matrices in NumPy: what a processor can reach."""

import numpy as np


def job(side, count):
    side, count = int(side), int(count)
    a = np.random.default_rng(0).random((side, side), np.float32)
    b = a.copy()

    def multiply():
        for _ in range(count):
            a @ b
        return {"amount": 2 * side**3 * count}

    return multiply

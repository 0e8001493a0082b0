"""Initial weights that follow from a seed. Imports nothing heavy."""

import contextlib
import numbers
import random

from dlgn_tf.errors import UserError


@contextlib.contextmanager
def initial_weights_from(seed):
    """Makes the initial weights of layers made inside follow from `seed`.

    Keras draws the seed of each initialiser that has none from Python's
    generator, in the order in which layers are made. That generator is put back
    afterwards, so nothing outside is touched. None leaves things as they are.
    """
    if seed is None:
        yield
        return
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise UserError(
            f"Expected a seed, an integer >= 0. Received: seed={seed}"
        )
    state = random.getstate()
    random.seed(int(seed))
    try:
        yield
    finally:
        random.setstate(state)

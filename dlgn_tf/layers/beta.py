"""The beta of beta-VQ layers, and the entropy that it weighs."""

import math

import keras
from keras import ops

from dlgn_tf.choices import BETA_MODES, ENTROPIES
from dlgn_tf.layers import arguments
from dlgn_tf.layers.precision import widened

# Of a learned u = log(beta / (1 - beta)).
_BOUND = 20.0


class BetaLayer(keras.layers.Layer):
    """A layer that chooses between regions with softmax(eta v).

    That maximises `beta <t, v> + (1 - beta) H(t)` over weights t of the
    regions, with Shannon's entropy H. With that of Tsallis of order 2, halved,
    `H(t) = (1 - |t|^2) / 2`, it is sparsemax(eta v): a region whose score is
    `1 / eta` or more below the highest has weight 0, so that far from a tie the
    choice is hard.

    `eta = beta / (1 - beta)` makes the choice hard for beta = 1, soft for 1/2
    and a plain mean for 0. A learned beta is kept as `u = log(eta)`, so that
    `beta = sigmoid(u)` and `eta = exp(u)` with no quotient: 1 - beta cannot be
    told from 0 in float32 long before eta is large. Where layers compute in
    16 bits, these compute in float32, since the derivative with respect to u
    is as large as the square of what enters.

    Weight decay has no place on u, whose 0 is no more natural than any other
    beta: `dlgn_tf.train` leaves it out, and an optimiser of Keras does after
    `optimizer.exclude_from_weight_decay(var_names=["u"])`.

    Source: "From Hard to Soft" (arXiv 1810.09274), Theorem 3. How beta is
    learned is not printed there; initial value and the bounds of u, -20 and
    20, are assumed. Tsallis' entropy is not in the paper; factor and
    sparsemax are those of Peters, Niculae and Martins (arXiv 1905.05702).

    Args:
        beta: Float in [0, 1]; with which it starts, if it is learned.
        beta_mode: `"fixed"`, or what has a learned beta of its own:
            `"per_layer"`, `"per_channel"` (the last axis).
        entropy: `"shannon"`, a softmax, or `"tsallis"`, a sparsemax.

    Raises:
        ValueError: if an argument lies outside its range, or a learned beta is
            to start at 0 or 1, where no gradient moves it.
    """

    def __init__(
        self, beta=0.5, beta_mode="fixed", entropy="shannon", **kwargs
    ):
        super().__init__(**kwargs)
        arguments.check_choice("entropy", entropy, ENTROPIES)
        arguments.check_choice("beta_mode", beta_mode, BETA_MODES)
        arguments.check(0 <= beta <= 1, "beta", beta, "a number in [0, 1]")
        arguments.check(
            beta_mode == "fixed" or beta not in (0, 1),
            "beta",
            beta,
            f"a number between 0 and 1 for beta_mode={beta_mode!r}: a learned "
            "beta cannot leave its bounds",
        )
        self.initial_beta = float(beta)
        self.beta_mode = beta_mode
        self.entropy = entropy
        self.u = None

    @property
    def hard(self):
        """Whether beta is fixed at 1: the choice is that of the maximum."""
        return self.initial_beta == 1

    @property
    def linear(self):
        """Whether beta is fixed at 0: the choice is the mean of all regions."""
        return self.initial_beta == 0

    @property
    def beta(self):
        """Beta as it is now: a tensor `()` or `(channels,)`, or a float."""
        if self.beta_mode == "fixed":
            return self.initial_beta
        return ops.sigmoid(ops.convert_to_tensor(self.u))

    def build(self, input_shape):
        if self.beta_mode == "fixed":
            return
        one_each = self.beta_mode == "per_channel"
        self.u = self.add_weight(
            shape=(input_shape[-1],) if one_each else (),
            initializer=keras.initializers.Constant(self._initial_u()),
            name="u",
            # In 16 bits exp(u) would lose its digits.
            autocast=False,
        )

    def _initial_u(self):
        odds = math.log(self.initial_beta) - math.log1p(-self.initial_beta)
        return min(max(odds, -_BOUND), _BOUND)

    def _eta(self):
        """Eta, a learned one within its bounds: as `beta`, tensor or float."""
        if self.beta_mode == "fixed":
            return self.initial_beta / (1 - self.initial_beta)
        return ops.exp(ops.clip(self._widened(self.u), -_BOUND, _BOUND))

    def _widened(self, tensor):
        return widened(tensor, self.compute_dtype)

    def get_config(self):
        config = {
            "beta": self.initial_beta,
            "beta_mode": self.beta_mode,
            "entropy": self.entropy,
        }
        return {**super().get_config(), **config}

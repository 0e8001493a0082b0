"""Dense layers and convolutions with filters orthogonal by construction."""

import math

import keras
import numpy as np
from keras import ops

from dlgn_tf import choices
from dlgn_tf.layers import arguments, orthogonalization
from dlgn_tf.layers.precision import widened

_MAPS = {
    "gram_schmidt": orthogonalization.gram_schmidt,
    "newton_schulz": orthogonalization.newton_schulz,
    "cayley": orthogonalization.cayley,
}


class OrthogonalKernel:
    """What `OrthogonalDense` and `OrthogonalConv2D` have in common.

    The layer's weight, `raw_kernel`, is any kernel; `kernel`, which the layer
    computes with, is an orthogonal function of it, computed anew at each call
    in float32 or better. Gradients pass through that function.

    Source: the SMASO paper (arXiv 1810.09274), section 5. Scale and handling
    of more filters than inputs are not printed there; `"residual"` is what
    earlier code of its author does, `"tight"` is assumed.

    Args:
        *args: Of the plain layer.
        reparametrization: `"gram_schmidt"`, `"newton_schulz"` or `"cayley"`,
            see `dlgn_tf.layers.orthogonalization`.
        scale: Lengths of the filters: `"residual"`, what the Gram-Schmidt
            process leaves (of that one alone); `"unit"`, 1; `"gain"`, a weight
            each, which starts at the length of the raw filter (a tight frame
            has a single one, a skipped kernel none). Defaults to `"residual"`
            for Gram-Schmidt and to `"gain"` for the others.
        overcomplete: What to do with more filters than inputs, which cannot
            all be orthogonal: `"tight"`, make the inputs' rows orthogonal and
            of one length (a tight frame: W W' is a multiple of the identity,
            with the raw kernel's norm for `"residual"`, filters of mean squared
            length 1 for `"unit"`, and the square of one weight, which starts
            with the raw kernel's norm, for `"gain"`: a weight each would undo
            it); `"groups"`, orthogonalise as few groups of filters as possible
            each by itself; `"skip"`, leave the kernel as it is; `"error"`,
            refuse.
        **kwargs: Of the plain layer.

    Raises:
        ValueError: if there is no such option, or not together.
        NotImplementedError: for low-rank updates (LoRA) and quantisation, which
            Keras would make of the raw kernel; see
            `dlgn_tf.models.orthogonal.folded`.
    """

    def __init__(
        self,
        *args,
        reparametrization="gram_schmidt",
        scale=None,
        overcomplete="tight",
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        if scale is None:
            gram_schmidt = reparametrization == "gram_schmidt"
            scale = "residual" if gram_schmidt else "gain"
        for name, value, allowed in (
            ("reparametrization", reparametrization, choices.ORTHOGONAL_MAPS),
            ("scale", scale, choices.FILTER_LENGTHS),
            ("overcomplete", overcomplete, choices.OVERCOMPLETE),
        ):
            arguments.check(value in allowed, name, value, f"one of {allowed}")
        if scale == "residual" and reparametrization != "gram_schmidt":
            raise ValueError(
                "Expected scale='residual' with gram_schmidt alone, which has "
                f"residuals. Received: reparametrization={reparametrization!r}"
            )
        if getattr(self, "groups", 1) != 1:
            raise ValueError(
                "Expected a convolution of a single group. Received: "
                f"groups={self.groups}"
            )
        if self.quantization_mode:
            raise self._not_plain(f"dtype {self.dtype_policy.name}")
        self.reparametrization = reparametrization
        self.scale = scale
        self.overcomplete = overcomplete

    def add_weight(self, *args, **kwargs):
        if kwargs.get("name") == "kernel":
            # Sixteen bits are too few to orthogonalise.
            kwargs["autocast"] = False
        return super().add_weight(*args, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        *window, inputs, filters = self.raw_kernel.shape
        inputs *= math.prod(window)
        if filters > inputs and self.overcomplete == "error":
            raise ValueError(
                "Expected at most as many filters as inputs for orthogonal "
                f"filters. Received: {filters} filters of {inputs} inputs in "
                f"layer {self.name!r}"
            )
        too_many = filters > inputs
        self.gain = None
        if self.scale == "gain" and not (
            too_many and self.overcomplete == "skip"
        ):
            tight = too_many and self.overcomplete == "tight"
            self.gain = self.add_weight(
                shape=() if tight else (filters,), name="gain", autocast=False
            )
            self.reset_gain()

    def reset_gain(self):
        """Gives every filter the length that it has in the raw kernel.

        To a tight frame, filters of the same mean squared length.
        """
        if self.gain is None:
            return
        squares = ops.sum(self._raw_matrix() ** 2, axis=0)
        tight = len(self.gain.shape) == 0
        self.gain.assign(ops.sqrt(ops.mean(squares) if tight else squares))

    @property
    def raw_kernel(self):
        """The weight that `kernel` is a function of."""
        return self._kernel

    @property
    def kernel(self):
        """The kernel with orthogonal filters, a tensor: not to be assigned."""
        return ops.cast(self.full_kernel, self.compute_dtype)

    @property
    def full_kernel(self):
        """`kernel` as it is found, in float32 or float64."""
        kernel = self._orthogonal(self._raw_matrix())
        return ops.reshape(kernel, self.raw_kernel.shape)

    def _raw_matrix(self):
        raw = widened(self.raw_kernel)
        return orthogonalization.filters_as_columns(raw)

    def _orthogonal(self, matrix):
        inputs, filters = matrix.shape
        if filters > inputs and self.overcomplete == "skip":
            return matrix
        if filters <= inputs:
            made = self._mapped(matrix)
        elif self.overcomplete == "groups":
            groups = map(self._mapped, _groups(matrix))
            made = ops.concatenate(list(groups), axis=1)
        else:
            made = self._tight_frame(matrix)
        if self.gain is None:
            return made
        return made * widened(self.gain)

    def _mapped(self, matrix):
        if self.scale == "residual":
            return orthogonalization.gram_schmidt(matrix, "residual")
        return _MAPS[self.reparametrization](matrix)

    def _tight_frame(self, matrix):
        inputs, filters = matrix.shape
        columns = _MAPS[self.reparametrization](ops.transpose(matrix))
        frame = ops.transpose(columns) * (filters / inputs) ** 0.5
        if self.scale == "residual":
            return frame * ops.sqrt(ops.sum(matrix**2) / filters)
        return frame

    def enable_lora(self, *args, **kwargs):
        raise self._not_plain("low-rank updates")

    def quantize(self, *args, **kwargs):
        raise self._not_plain("quantisation")

    def _not_plain(self, received):
        # What `keras.Model.quantize` passes over, with a warning.
        return NotImplementedError(
            "Expected a plain kernel, and not one that is orthogonal by "
            "construction (dlgn_tf.models.orthogonal.folded gives that). "
            f"Received: {received} of layer {self.name!r}"
        )

    # Keras' own would write `kernel`, which is no weight, and leave out the
    # gain.
    def save_own_variables(self, store):
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)

    def get_config(self):
        config = {
            "reparametrization": self.reparametrization,
            "scale": self.scale,
            "overcomplete": self.overcomplete,
        }
        return {**super().get_config(), **config}


def _groups(matrix):
    """As few groups of columns as possible, as equal as possible."""
    inputs, filters = matrix.shape
    bounds = np.array_split(np.arange(filters), -(-filters // inputs))
    return [matrix[:, group[0] : group[-1] + 1] for group in bounds]


@keras.saving.register_keras_serializable(package="dlgn_tf")
class OrthogonalDense(OrthogonalKernel, keras.layers.Dense):
    """`keras.layers.Dense` with orthogonal units, see `OrthogonalKernel`."""


@keras.saving.register_keras_serializable(package="dlgn_tf")
class OrthogonalConv2D(OrthogonalKernel, keras.layers.Conv2D):
    """`keras.layers.Conv2D` with orthogonal filters, see `OrthogonalKernel`.

    Filters are orthogonal as vectors of height * width * channels; where
    patches overlap, what the layer computes at different positions is not.
    """

"""Which Keras layers are read, and which are refused."""

import keras
import numpy as np
import pytest
from keras import layers

from dlgn_tf.errors import UserError
from dlgn_tf.layers import ApodizedConv2D
from dlgn_tf.layers import ApodizedOrthogonalConv2D
from dlgn_tf.layers import BatchNorm
from dlgn_tf.layers import OrthogonalConv2D
from dlgn_tf.layers import OrthogonalDense
from dlgn_tf.splines import maso_of_layers


def built(chain, shape):
    inputs = outputs = keras.Input(shape)
    for layer in chain:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def test_a_chain_with_batch_norm_and_a_pool(rng):
    chain = [
        layers.Conv2D(3, 2, padding="same"),
        BatchNorm(),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(4, activation="leaky_relu"),
    ]
    network = built(chain, (4, 4, 2))
    chain[1].moving_mean.assign([0.1, -0.2, 0.3])
    chain[1].moving_variance.assign([2.0, 0.5, 1.0])
    x = rng.normal(size=(5, 4, 4, 2)).astype("float32")
    found = maso_of_layers(chain, (4, 4, 2))
    assert found.regions == 2
    np.testing.assert_allclose(
        found(x.reshape(5, -1)), network(x), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("chain", "shape"),
    [
        ([layers.GlobalMaxPooling2D()], (3, 4, 2)),
        ([layers.GlobalAveragePooling2D()], (3, 4, 2)),
        ([layers.Activation(keras.ops.absolute)], (5,)),
        ([layers.ReLU(negative_slope=0.5)], (5,)),
        ([OrthogonalDense(4)], (5,)),
        ([OrthogonalConv2D(4, 3)], (5, 4, 2)),
        ([ApodizedConv2D(4, 3)], (5, 4, 2)),
        ([ApodizedOrthogonalConv2D(4, 3, padding="same")], (5, 4, 2)),
    ],
)
def test_single_layers(chain, shape, rng):
    network = built(chain, shape)
    x = rng.normal(size=(6, *shape)).astype("float32")
    found = maso_of_layers(chain, shape)(x.reshape(6, -1))
    native = np.asarray(network(x)).reshape(6, -1)
    np.testing.assert_allclose(found, native, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("chain", "shape", "message"),
    [
        ([layers.ReLU(), layers.Dense(3)], (4,), "after a nonlinearity"),
        ([layers.Dense(3, activation="tanh")], (4,), "with tanh"),
        ([layers.ReLU(max_value=6)], (4,), "upper bound"),
        ([layers.Conv2D(4, 2, groups=2)], (4, 4, 2), "plain convolutions"),
        ([layers.Conv2D(4, 2, dilation_rate=2)], (4, 4, 2), "plain convol"),
        ([layers.Dense(3)], (4, 2), "dense layers on vectors"),
        ([layers.LayerNormalization()], (4,), "LayerNormalization"),
    ],
)
def test_others_are_refused(chain, shape, message):
    built(chain, shape)
    with pytest.raises(UserError, match=message):
        maso_of_layers(chain, shape)

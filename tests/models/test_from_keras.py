"""Networks of one's own as DNN, DGN, DLGN and DLGN-SF."""

import pathlib

import keras
import numpy as np
import pytest
from keras import layers, ops

import dlgn_tf
from dlgn_tf.errors import UserError
from dlgn_tf.inspection import templates
from dlgn_tf.inspection.affine import AffineNetwork, value_inputs
from dlgn_tf.models import nonlinearities, transfer
from dlgn_tf.models.build import create_model
from dlgn_tf.models.classifier import copied
from dlgn_tf.models.registry import FAMILIES

HERE = pathlib.Path(__file__).parent
# All are drawn in the slow tests.
SEEDS = [
    pytest.param(seed, marks=[pytest.mark.slow] * (seed >= 4))
    for seed in range(50)
]


@pytest.fixture(scope="module")
def graphs(module_of):
    return module_of(HERE / "user_graphs.py")


@pytest.fixture
def precision(request, dtype_policy):
    """float32 for even seeds, float64 for odd ones."""
    dtype = ("float32", "float64")[request.getfixturevalue("seed") % 2]
    floatx = keras.config.floatx()
    keras.config.set_floatx(dtype)
    dtype_policy(dtype)
    yield {"float32": (1e-6, 1e-4), "float64": (1e-12, 1e-10)}[dtype]
    keras.config.set_floatx(floatx)


def difference(logits, expected):
    size = np.abs(expected).max()
    return np.abs(ops.convert_to_numpy(logits) - expected).max() / size


def convert(drawn, family, **options):
    options = {"keep": "all", "seed": 0, **options}
    return dlgn_tf.from_keras(drawn.model, family, **options)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.filterwarnings("ignore:The gating network is not linear")
def test_identities(seed, precision, graphs, tmp_path):
    """The DNN is the network, and so is a tied DGN under its own gates."""
    drawn = graphs.Drawn(seed)
    images = drawn.images()
    expected = graphs.centred(drawn.logits(images))
    as_dnn, as_dgn = precision
    before = [np.array(x) for x in drawn.model.get_weights()]
    dnn = convert(drawn, "dnn", weights="copy")
    assert len(dnn.site_names) == drawn.sites
    assert difference(graphs.centred(dnn(images)), expected) < as_dnn
    dgn = convert(drawn, "dgn", weights="copy", gate="own")
    found = graphs.centred(dgn(images))
    assert difference(found, expected) < as_dgn
    path = tmp_path / "dgn.keras"
    dgn.save(path)
    again = keras.models.load_model(path)
    np.testing.assert_array_equal(graphs.centred(again(images)), found)
    check_steps(drawn, images)
    for old, now in zip(before, drawn.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def check_steps(drawn, images):
    """A training step changes what is learned, and nothing else."""
    labels = np.arange(len(images)) % 3
    for family, options, learned in (
        ("dnn", {}, {"network"}),
        ("dgn", {}, {"gating", "value"}),
        ("dgn", {"gate": "own"}, {"value"}),
        ("dlgn", {"max_pooling": "average"}, {"gating", "value"}),
        ("dlgn_sf", {}, {"gating", "value"}),
    ):
        model = convert(drawn, family, **options)
        before = {k: v.get_weights() for k, v in model.networks.items()}
        model.compile(
            optimizer=keras.optimizers.SGD(0.1),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            run_eagerly=True,
        )
        model.train_on_batch(images, labels)
        for name, network in model.networks.items():
            pairs = zip(before[name], network.get_weights(), strict=True)
            same = all(np.array_equal(*pair) for pair in pairs)
            assert same == (name not in learned), (family, name)


def test_names_of_sites_are_those_of_layers():
    image = keras.Input((6, 6, 1))
    twice = layers.Conv2D(2, 3, padding="same", activation="relu", name="twice")
    h = twice(layers.Conv2D(2, 1, name="first")(image))
    inner = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 2, activation="silu", name="conv"),
            layers.ReLU(name="relu"),
        ],
        name="block",
    )
    h = inner(twice(h))
    h = layers.Dense(4, name="dense")(layers.Flatten()(h))
    h = layers.LeakyReLU(name="leaky")(h)
    y = layers.Dense(2, activation="sigmoid", name="out")(h)
    model = dlgn_tf.from_keras(keras.Model(image, y, name="mine"), "dnn")
    expected = ["twice", "twice_2", "block.conv", "block.relu", "leaky"]
    assert model.site_names == expected
    assert model.name == "keras.mine_dnn" and model.activation == "own"
    # One set of weights, and the sigmoid has gone.
    kernels = [x for x in model.network.weights if x.name == "kernel"]
    assert len(kernels) == 5
    assert model.network.layers[-1].activation is keras.activations.linear


@pytest.mark.parametrize(
    "name,options",
    [("c4gap", {"width": 8}), ("resnet20", {"width": 4, "depth": 8})],
)
def test_networks_of_the_zoo(name, options, rng):
    """Converted they equal the zoo's, weights drawn from a seed and all."""
    shape, pixels = (12, 12, 3), {"mean": 0.4, "std": 0.2}
    images = rng.integers(0, 256, (5, *shape)).astype("uint8")
    model = create_model(f"{name}_dnn", shape, 4, seed=3, **pixels, **options)
    for family in FAMILIES:
        converted = dlgn_tf.from_keras(
            model, family, weights="copy" if family == "dnn" else "new", seed=3
        )
        own = create_model(
            f"{name}_{family}", shape, 4, seed=3, **pixels, **options
        )
        pairs = zip(own.get_weights(), converted.get_weights(), strict=True)
        assert all(np.array_equal(*pair) for pair in pairs), family
        if family != "dnn":
            # Steepness is an option of the architecture.
            assert (own.gate.beta, own.gate.epsilon) == (10, 0)
        np.testing.assert_array_equal(own(images), converted(images))


def with_a_skip():
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 1))
    h = layers.Conv2D(4, 3, padding="same", activation="relu", name="c1")(image)
    h = layers.MaxPooling2D(name="max")(h)
    k = layers.Conv2D(4, 3, padding="same", name="c2")(h)
    k = layers.BatchNormalization(name="bn")(k)
    k = layers.ReLU(name="r2")(k)
    k = layers.Conv2D(4, 3, padding="same", name="c3")(k)
    h = layers.Activation("relu", name="r3")(layers.Add(name="add")([h, k]))
    h = layers.Flatten()(h)
    y = layers.Dense(3, name="out")(h)
    return keras.Model(image, y, name="small")


@pytest.fixture(scope="module")
def small():
    return with_a_skip()


def test_a_dlgn_is_affine(rng, float64):
    """Templates reproduce pre-activations, and they are on lines."""
    model = dlgn_tf.from_keras(with_a_skip(), max_pooling="average", seed=0)
    a, b = rng.uniform(0, 255, (2, 3, 8, 8, 1))
    images = np.concatenate([a, b, 0.3 * a + 0.7 * b])
    for site, values in model.preactivations(images).items():
        first, second, between = np.split(ops.convert_to_numpy(values), 3)
        np.testing.assert_allclose(
            between, 0.3 * first + 0.7 * second, rtol=0, atol=1e-10
        )
        found = templates.templates(model, site)
        values = between[0][found.positions[:, 0], found.positions[:, 1]]
        values = values[np.arange(len(values)), found.channels]
        image = 0.3 * a[0] + 0.7 * b[0]
        np.testing.assert_allclose(
            (found.weights * image).sum((1, 2, 3)) + found.offsets,
            values,
            rtol=0,
            atol=1e-10,
        )
    assert not dlgn_tf.inspection.DualView(model).network.not_linear


def test_frozen_learned_gates_in_one_call(small, rng):
    """Gates of the trained network, values that are new."""
    images = rng.integers(0, 256, (4, 8, 8, 1)).astype("uint8")
    model = dlgn_tf.from_keras(
        small, "dgn", gate="own", gate_regime="frozen_learned", seed=5
    )
    trained = dlgn_tf.from_keras(small, "dnn", weights="copy")
    assert not model.gating_network.trainable
    for site, gate in trained.gates(images).items():
        np.testing.assert_array_equal(gate, model.gates(images)[site])
    kernel = model.value_network.get_layer("c1").get_weights()[0]
    assert not np.array_equal(kernel, small.get_layer("c1").get_weights()[0])


def test_learned_slopes_are_copied_with_gates(rng):
    """Those of a PReLU are weights of its gate."""
    slopes = keras.initializers.RandomNormal(seed=1)
    network = chain(layers.Conv2D(3, 2), layers.PReLU(slopes, name="p"))
    trained = dlgn_tf.from_keras(network, "dnn", weights="copy")
    target = dlgn_tf.from_keras(network, "dgn", gate="own", seed=1)
    images = rng.normal(size=(3, 6, 6, 2)).astype("float32")
    target.gate.set_weights([0 * x for x in target.gate.get_weights()])
    transfer.copy_gates(trained, target)
    expected = trained.gates(images)["p"]
    assert np.unique(expected).size > 3
    for model in (target, target.with_networks(copied)):
        np.testing.assert_array_equal(model.gates(images)["p"], expected)


def test_a_shared_layer_is_taken_apart(rng):
    """What the value network says is the sum of its contributions."""
    image = keras.Input((4, 4, 2))
    twice = layers.Conv2D(2, 3, padding="same", activation="relu", name="c")
    h = layers.Flatten()(twice(twice(image) * 0.5) + image)
    model = dlgn_tf.from_keras(keras.Model(image, layers.Dense(3)(h)), "dgn")
    for layer in model.value_network.layers:
        if getattr(layer, "use_bias", False):
            layer.bias.assign(rng.normal(size=layer.bias.shape))
    images = rng.normal(size=(4, 4, 4, 2)).astype("float32")
    network = AffineNetwork(model, "float64")
    assert network.biases[0] == "c" and network.biases[1] == "c call 2"
    entering, gates = value_inputs(model, images, "float64")
    found = network(entering, lambda site, q: gates[site])
    np.testing.assert_allclose(found, model(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        layers.ReLU(),
        layers.ReLU(6.0, 0.1),
        layers.ReLU(2.0, threshold=1.0),
        layers.LeakyReLU(0.3),
        layers.PReLU("random_normal"),
        layers.Activation("relu6"),
        layers.Activation("silu"),
        layers.Activation("gelu"),
        layers.Activation("hard_silu"),
        layers.Activation("mish"),
    ],
    ids=lambda x: getattr(getattr(x, "activation", x), "__name__", x.name),
)
def test_own_gate(layer, rng):
    """f(q) = q g(q), within the bounds that are said of g."""
    q = ops.convert_to_tensor(rng.normal(size=(300, 4)) * 4, "float32")
    made = ops.convert_to_numpy(layer(q))
    gate = nonlinearities.gate_of(layer)
    gates = ops.convert_to_numpy(gate(q))
    np.testing.assert_allclose(gates * q, made, rtol=1e-5, atol=1e-6)
    assert gate.least <= gates.min() and gates.max() <= gate.most
    assert gate.indicator == (set(np.unique(gates)) == {0, 1})


def test_own_gates_of_the_zoo(rng):
    """Of a swish the sigmoid: tied, a DGN is the DNN."""
    options = {"width": 4, "activation": "swish", "seed": 1}
    dnn = create_model("c4gap_dnn", (6, 6, 1), 3, **options)
    dgn = create_model("c4gap_dgn", (6, 6, 1), 3, gate="own", **options)
    transfer.copy_gates(dnn, dgn)
    for layer in dgn.value_network.layers:
        layer.set_weights(dgn_weights(dnn, layer))
    images = rng.integers(0, 256, (5, 6, 6, 1)).astype("uint8")
    np.testing.assert_allclose(dgn(images), dnn(images), rtol=1e-5, atol=1e-6)


def dgn_weights(dnn, layer):
    if not layer.weights:
        return []
    return dnn.network.get_layer(layer.name).get_weights()


def test_vectors(rng):
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(7, activation="relu", name="a"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    rows = rng.normal(size=(4, 5)).astype("float32")
    made = dlgn_tf.from_keras(model, "dgn", weights="copy", gate="own")
    found = ops.softmax(made(rows.reshape(4, 1, 1, 5)))
    np.testing.assert_allclose(found, model(rows), rtol=1e-5)


def test_statistics_that_were_adapted_stay(rng):
    adapted = layers.Normalization()
    adapted.adapt(rng.normal(3, 2, (50, 4, 4, 2)))
    image = keras.Input((4, 4, 2))
    h = layers.Conv2D(3, 3, activation="relu")(adapted(image))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(h)))
    images = rng.normal(3, 2, (3, 4, 4, 2)).astype("float32")
    made = dlgn_tf.from_keras(model, "dnn", weights="copy")
    np.testing.assert_allclose(made(images), model(images), rtol=1e-5)


def test_several_outputs(small):
    both = keras.Model(
        small.inputs,
        {"first": small.output, "second": 2 * small.output},
    )
    for chosen in (0, both.output_names[0]):
        made = dlgn_tf.from_keras(both, "dnn", outputs=chosen)
        assert made.site_names == ["c1", "r2", "r3"]
    with pytest.raises(UserError, match=r"outputs=NAME.*Received"):
        dlgn_tf.from_keras(both)


def test_what_is_not_linear_is_told(small):
    with pytest.raises(UserError, match=r"average.*Received: max \(max pool"):
        dlgn_tf.from_keras(small, "dlgn")
    for told in ({"keep": ["max"]}, {"max_pooling": "keep"}):
        with pytest.warns(UserWarning, match="not linear.*max pooling"):
            dlgn_tf.from_keras(small, "dlgn", **told)
    average = dlgn_tf.from_keras(small, "dlgn", max_pooling="average")
    pooling = average.value_network.get_layer("max")
    assert isinstance(pooling, layers.AveragePooling2D)


def wave(x):
    return ops.sin(x)


def test_a_kept_function_inside_a_layer():
    """It goes by the name of that layer, in whichever family."""
    network = chain(layers.Conv2D(2, 1, activation="tanh", name="c"), relu())
    with pytest.warns(UserWarning, match="not linear.*Activation"):
        made = dlgn_tf.from_keras(network, "dlgn", keep=["c"])
    assert made.site_names == ["r"]


def relu():
    return layers.ReLU(name="r")


class Own(keras.layers.Layer):
    def call(self, x):
        return ops.relu(x)


class Subclassed(keras.Model):
    def call(self, x):
        return x


def chain(*between, shape=(6, 6, 2), head=True):
    image = keras.Input(shape)
    h = image
    for layer in between:
        h = layer(h)
    h = layers.Dense(3)(layers.Flatten()(h)) if head else h
    return keras.Model(image, h)


def two_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    return keras.Model([a, b], layers.ReLU()(a + b))


def shared_slopes():
    slopes = layers.PReLU(name="slopes")
    return chain(slopes, layers.Dense(2), slopes)


REFUSED = [
    (lambda: Subclassed(name="odd"), "odd, a subclassed model"),
    (lambda: chain(Subclassed(name="inside")), "inside, a subclassed"),
    (lambda: keras.Sequential([layers.Dense(2)], name="s"), "s, which has not"),
    (lambda: "net.keras", "a str"),
    (two_inputs, "with a, b"),
    (lambda: chain(layers.Lambda(lambda x: x, name="f")), "f, a Lambda"),
    (
        lambda: chain(layers.Reshape((36, 2)), layers.LSTM(2, name="rnn")),
        "rnn, a recurrent layer",
    ),
    (
        lambda: chain(layers.Reshape((36, 2)), layers.GRU(2, name="gru")),
        "gru, a recurrent layer",
    ),
    (
        lambda: chain(
            layers.TimeDistributed(layers.Dense(2, "relu"), name="each")
        ),
        "each, a layer around another",
    ),
    (lambda: chain(layers.ELU(name="elu")), r"elu \(elu\)"),
    (lambda: chain(layers.Dense(2, "selu", name="d")), r"d \(selu\)"),
    (
        lambda: chain(layers.Conv2D(2, 1, activation="tanh", name="c")),
        "c .t",
    ),
    (lambda: chain(layers.Activation("sigmoid", name="s")), r"s \(sigmoid\)"),
    (lambda: chain(layers.Softmax(name="m")), r"m \(softmax\)"),
    (lambda: chain(ops.tanh), r"tanh\w* \(tanh\)"),
    (lambda: chain(layers.Activation(wave, name="sin")), "sin .function wave"),
    (lambda: chain(Own(name="own")), r"own \(a Own\)"),
    (
        lambda: chain(layers.ReLU(None, 0.1, 0.2, name="r")),
        "r: Expected a ReLU that is 0 at 0",
    ),
    (shared_slopes, "slopes, a PReLU that is called twice"),
    (lambda: chain(layers.Conv2D(2, 1)), "which has none"),
    (lambda: chain(layers.ReLU(), shape=(None, 6, 2), head=False), "None, 6"),
    (lambda: chain(layers.ReLU(), shape=(6, 2), head=False), r"\(6, 2\)"),
    (lambda: chain(layers.ReLU(), head=False), r"shape \(6, 6, 2\)"),
    (
        lambda: chain(
            layers.AveragePooling2D(2, data_format="channels_first", name="p")
        ),
        "p with data_format=channels_first",
    ),
    (
        lambda: chain(layers.LayerNormalization(name="ln"), layers.ReLU()),
        r"ln \(LayerNormalization\)",
    ),
    (lambda: create_model("c4gap_dgn", (6, 6, 1)), "has gates of its own"),
]


@pytest.mark.parametrize("build,received", REFUSED)
def test_refused(build, received):
    """In one line that names the layer."""
    with pytest.raises(UserError, match=received) as caught:
        # A ReLU alone would do, but for what is wrong before it.
        dlgn_tf.from_keras(build(), "dlgn")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"family": "rnn"}, "family='rnn'"),
        ({"weights": "old"}, "weights='old'"),
        ({"keep": ["nobody"]}, "Received: nobody"),
        ({"gate": "own", "gate_regime": "joint"}, "gate=own"),
        ({"max_pooling": "max"}, "max_pooling='max'"),
    ],
)
def test_bad_arguments(small, options, message):
    options = {"family": "dgn", **options}
    with pytest.raises(UserError, match=message):
        dlgn_tf.from_keras(small, **options)

"""Networks of one's own as DNN, DGN, DLGN and DLGN-SF."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import dlgn_tf
from dlgn_tf.errors import UserError
from dlgn_tf.inspection import templates
from dlgn_tf.inspection.affine import AffineNetwork, value_inputs
from dlgn_tf.layers import BatchNorm
from dlgn_tf.models import nonlinearities, sites, transfer, user_network
from dlgn_tf.models.build import create_model
from dlgn_tf.models.classifier import copied
from dlgn_tf.models.gated import copy_weights
from dlgn_tf.models.registry import FAMILIES

# All are drawn in the slow tests.
SEEDS = [
    pytest.param(seed, marks=[pytest.mark.slow] * (seed >= 4))
    for seed in range(50)
]


@pytest.fixture
def precision(request, dtype_policy):
    """float32 for even seeds, float64 for odd ones."""
    dtype = ("float32", "float64")[request.getfixturevalue("seed") % 2]
    floatx = keras.config.floatx()
    keras.config.set_floatx(dtype)
    dtype_policy(dtype)
    yield {"float32": (1e-6, 1e-4), "float64": (1e-12, 1e-10)}[dtype]
    keras.config.set_floatx(floatx)


def convert(drawn, family, **options):
    options = {"keep": "all", "seed": 0, **options}
    return dlgn_tf.from_keras(drawn.model, family, **options)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.filterwarnings("ignore:The gating network is not linear")
def test_identities(seed, precision, graphs, tmp_path):
    """The DNN is the network, and so is a tied DGN under its own gates."""
    drawn = graphs.Drawn(seed)
    images = drawn.images()
    expected = graphs.centred(graphs.logits_of(drawn.model, images))
    as_dnn, as_dgn = precision
    before = [np.array(x) for x in drawn.model.get_weights()]
    dnn = convert(drawn, "dnn", weights="copy")
    assert len(dnn.site_names) == drawn.sites
    assert graphs.difference(graphs.centred(dnn(images)), expected) < as_dnn
    dgn = convert(drawn, "dgn", weights="copy", gate="own")
    found = graphs.centred(dgn(images))
    assert graphs.difference(found, expected) < as_dgn
    # Controls: other weights, and gates that are none of its own.
    for other in (convert(drawn, "dnn"), convert(drawn, "dgn", weights="copy")):
        logits = graphs.centred(other(images))
        assert graphs.difference(logits, expected) > 10 * as_dgn
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
    # Control: with its nonlinearities the gating network is not affine.
    bent = dlgn_tf.from_keras(with_a_skip(), "dgn", seed=0)
    first, second, between = np.split(
        ops.convert_to_numpy(bent.preactivations(images)["r3"]), 3
    )
    assert np.abs(between - 0.3 * first - 0.7 * second).max() > 1e-3


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


def test_gates_of_networks_before_they_rounded_as_keras(rng):
    """The option of a layer says nothing of what it computes."""
    network = chain(
        layers.Conv2D(3, 2), layers.BatchNormalization(), layers.ReLU()
    )
    old, new = (dlgn_tf.from_keras(network, "dlgn", seed=k) for k in (0, 1))
    norms = [x for x in old.gating_network.layers if isinstance(x, BatchNorm)]
    for layer in norms:
        layer._as_keras = False
    transfer.copy_gates(old, new)
    assert norms and "as_keras" not in norms[0].get_config()
    for ours, theirs in zip(
        new.gating_network.get_weights(),
        old.gating_network.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


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
    copy_weights(dnn.network, dgn.value_network)
    images = rng.integers(0, 256, (5, 6, 6, 1)).astype("uint8")
    np.testing.assert_allclose(dgn(images), dnn(images), rtol=1e-5, atol=1e-6)


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
    maps = small.get_layer("max").output
    other = keras.Model(small.inputs, {"y": small.output, "z": maps})
    for chosen in ("max", other.output_names.index("max")):
        with pytest.raises(UserError, match="whose output max has shape"):
            dlgn_tf.from_keras(other, outputs=chosen)


def test_what_is_not_linear_is_told(small):
    with pytest.raises(UserError, match=r"average.*Received: max \(max pool"):
        dlgn_tf.from_keras(small, "dlgn")
    for told in ({"keep": ["max"]}, {"max_pooling": "keep"}):
        with pytest.warns(UserWarning, match="not linear.*max pooling"):
            dlgn_tf.from_keras(small, "dlgn", **told)
    average = dlgn_tf.from_keras(small, "dlgn", max_pooling="average")
    pooling = average.value_network.get_layer("max")
    assert isinstance(pooling, layers.AveragePooling2D)


def attending():
    image = keras.Input((6, 6, 2))
    h = layers.Reshape((9, 8))(layers.Conv2D(8, 2, strides=2)(image))
    h = h + layers.MultiHeadAttention(2, 3)(layers.LayerNormalization()(h), h)
    h = layers.Dense(5, activation="gelu", name="mlp")(h)
    attended = layers.MultiHeadAttention(1, 2)(h, h)
    h = layers.GlobalAveragePooling1D()(attended)
    return keras.Model(image, layers.Dense(3)(h))


def by_keyword():
    image = keras.Input((6, 6, 2))
    inner = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(2, 3)])
    h = layers.ReLU(name="r")(inputs=inner(inputs=image))
    return keras.Model(image, layers.Dense(3)(layers.Flatten()(inputs=h)))


def by_names():
    """Models inside that take and give dictionaries."""
    a, b = keras.Input((6, 6, 2), name="a"), keras.Input((6, 6, 2), name="b")
    made = {"y": layers.ReLU(name="first")(a - b), "x": ops.abs(2 * a)}
    inner = keras.Model({"b": b, "a": a}, made, name="n")
    image = keras.Input((6, 6, 2))
    made = inner({"a": image, "b": layers.Conv2D(2, 1)(image)})
    h = layers.Flatten()(made["x"] + 0.5 * made["y"])
    return keras.Model(image, layers.Dense(3)(h))


def ends_elsewhere():
    """Its last layer is that of another model, too."""
    image, head = keras.Input((6, 6, 2)), layers.Dense(3, "softmax")
    h = layers.Flatten()(layers.ReLU(name="r")(image))
    keras.Model(image, head(2 * h))
    return keras.Model(image, head(h))


def tf_relu(x):
    return ops.maximum(x, 0)


tf_relu.__name__ = "relu"
OTHERWISE = {
    "keywords": (by_keyword, ["r"]),
    "dictionaries": (by_names, None),
    "a head of two": (ends_elsewhere, ["r"]),
    "attention": (attending, ["mlp"]),
    "a layer in an Activation": (
        lambda: chain(layers.Activation(layers.LeakyReLU(0.1), name="a")),
        ["a"],
    ),
    "slopes in a layer": (
        lambda: chain(layers.Dense(4, layers.PReLU("random_normal"), name="d")),
        ["d"],
    ),
    "a function of its own": (
        lambda: chain(layers.Conv2D(3, 2, activation=tf_relu, name="c")),
        ["c"],
    ),
    "names that others have": (
        lambda: chain(
            layers.Conv2D(2, 2, activation="relu", name="image"),
            layers.Conv2D(3, 2, activation="relu", name="a"),
            layers.BatchNormalization(name="a_bn"),
            layers.Conv2D(2, 1, activation="relu", name="a_pool"),
            layers.ReLU(name="a_relu"),
            layers.Dense(3, "relu", name="vector"),
        ),
        ["image_2", "a", "a_pool_2", "a_relu_2", "vector_2"],
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
@pytest.mark.filterwarnings("ignore:The gating network is not linear")
def test_written_otherwise(name, rng, graphs):
    """The identities, of what people write less often."""
    build, sites = OTHERWISE[name]
    keras.utils.set_random_seed(0)
    network = build()
    images = rng.normal(size=(4, 6, 6, 2)).astype("float32")
    expected = ops.convert_to_numpy(network(images))
    if name == "a head of two":
        expected = np.log(expected)
    expected = graphs.centred(expected)
    for family, gate in (("dnn", None), ("dgn", "own")):
        made = dlgn_tf.from_keras(network, family, weights="copy", gate=gate)
        assert sites in (None, made.site_names)
        assert graphs.difference(graphs.centred(made(images)), expected) < 1e-5
    for family in ("dlgn", "dlgn_sf"):
        made = dlgn_tf.from_keras(network, family, weights="copy", keep="all")
        assert made(images).shape == (4, 3)
    view = AffineNetwork(dlgn_tf.from_keras(network, "dgn", seed=0))
    assert len(view.not_linear) == 3 * (name == "attention")


def test_new_weights_are_new():
    """Whatever was frozen, and whatever seeds initialisers have."""
    conv = layers.Conv2D(
        3,
        2,
        activation="relu",
        kernel_initializer=keras.initializers.HeNormal(1),
    )
    inner = keras.Sequential([keras.Input((6, 6, 2)), conv], name="inner")
    inner.trainable = False
    network = chain(inner)
    first, second = (dlgn_tf.from_keras(network, seed=seed) for seed in (0, 1))
    kernels = [x.get_weights()[0] for x in first.networks.values()]
    kernels += [second.gating_network.get_weights()[0], conv.get_weights()[0]]
    assert len({kernel.tobytes() for kernel in kernels}) == 4
    assert len(first.trainable_weights) == len(first.weights)
    assert '"trainable": false' not in first.description
    copied = dlgn_tf.from_keras(network, "dnn", weights="copy")
    assert len(copied.trainable_weights) == 2 and not conv.trainable
    assert '"trainable": false' in copied.description
    # What is frozen is frozen in both networks, and others are not.
    both = dlgn_tf.from_keras(network, "dlgn", weights="copy")
    assert [len(x.trainable_weights) for x in both.networks.values()] == [0, 2]


def test_a_frozen_copy_is_trained_with_a_run_directory(rng, tmp_path):
    network = chain(layers.Conv2D(3, 2, activation="relu", trainable=False))
    copied = dlgn_tf.from_keras(network, "dnn", weights="copy")
    kernel = copied.get_weights()[0]
    given = rng.normal(size=(12, 6, 6, 2)), np.arange(12) % 3
    model, _ = dlgn_tf.fit(
        copied,
        dlgn_tf.data.from_arrays(*given),
        run_dir=tmp_path / "run",
        epochs=1,
        batch_size=4,
        verbose=False,
    )
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    assert not np.array_equal(model.get_weights()[2], network.get_weights()[2])


@keras.saving.register_keras_serializable("tests")
def tenths(shape, dtype=None):
    return 0.1 * ops.ones(shape, dtype)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: layers.Conv2D(2, 3, kernel_initializer=tenths)(x),
        lambda x: ops.multiply(x, x),
        lambda x: ops.concatenate([x / 255, 1 - x / 255], -1),
    ],
)
def test_odd_first_layers(make, rng, graphs):
    """Each is as in the model, and keeps being so."""
    image = keras.Input((6, 6, 2))
    h = layers.Conv2D(3, 3, activation="relu")(make(image))
    network = keras.Model(image, layers.Dense(3)(layers.Flatten()(h)))
    copied = dlgn_tf.from_keras(network, "dnn", weights="copy", keep="all")
    images = rng.normal(size=(5, 6, 6, 2)).astype("float32")
    expected = network.predict(images, verbose=0)
    assert graphs.difference(copied(images), expected) < 1e-6


@pytest.mark.parametrize("random", [False, True])
def test_ones_are_ones_where_a_block_is_left_out(random):
    """Behind a Rescaling, and behind augmentation before it."""
    image = keras.Input((6, 6, 2))
    h = layers.RandomFlip()(image) if random else image
    h = layers.Rescaling(1 / 127.5, -1)(h)
    for k in range(2):
        branch = layers.Conv2D(2, 3, padding="same", activation="relu")(h)
        h = layers.Add(name=f"add{k}")([h, branch])
    network = keras.Model(image, layers.Dense(3)(layers.Flatten()(h)))
    own = user_network.UserNetwork(network)
    for removed in ((), ("add0",)):
        site = sites.MultiplyByGate(constant=True)
        x = keras.Input((6, 6, 2))
        logits = own(x, site, 3, removed=removed)
        built = keras.Model([x, *site.gates], logits)
        names = {layer.name for layer in built.layers}
        assert not any(name.startswith("rescaling") for name in names)


def test_shallow_maps_are_new(small):
    """Though layers of their names are there, whose weights others get."""
    made = dlgn_tf.from_keras(small, "dlgn_sf", weights="copy", seed=0)
    new = dlgn_tf.from_keras(small, "dlgn_sf", seed=0)
    pairs = made.gating_network.weights, new.gating_network.weights
    for ours, theirs in zip(*pairs, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    kernel = made.value_network.get_layer("c3").kernel
    np.testing.assert_array_equal(kernel, small.get_layer("c3").kernel)


def test_ones_are_on_the_scale_of_the_first_weights(rng):
    """What puts pixels on a scale leaves a constant alone."""

    def scaled(x):
        return layers.Rescaling(1 / 255)(x) / 2 - 0.5

    image, plain = keras.Input((6, 6, 1)), keras.Input((6, 6, 1))
    conv, head = layers.Conv2D(3, 3, activation="relu"), layers.Dense(3)
    with_scale = keras.Model(image, head(layers.Flatten()(conv(scaled(image)))))
    without = keras.Model(plain, head(layers.Flatten()(conv(plain))))
    images = rng.integers(0, 256, (4, 6, 6, 1)).astype("uint8")
    pixels = images / 255 / 2 - 0.5
    for family in ("dlgn", "dlgn_sf"):
        ours, theirs = (
            dlgn_tf.from_keras(x, family, value_input="ones", seed=0)
            for x in (with_scale, without)
        )
        np.testing.assert_allclose(
            ours(images), theirs(pixels.astype("float32")), rtol=1e-4, atol=1e-6
        )


def test_both_networks_draw_alike(rng):
    """Flips and dropouts of a training step are the same in both."""
    network = chain(
        layers.RandomFlip(),
        layers.Conv2D(3, 2, activation="relu", name="a"),
        layers.Dropout(0.5),
        layers.Conv2D(3, 2, activation="relu", name="b"),
    )
    made = dlgn_tf.from_keras(network, "dgn", weights="copy", gate="own")
    values = [made.value_at(site) for site in made.site_names]
    before = keras.Model(made.value_network.inputs, values)
    pixels = ops.convert_to_tensor(rng.normal(size=(3, 6, 6, 2)), "float32")
    for _ in range(2):
        q = made.gating_network(pixels, training=True)
        found = before(made.value_inputs(pixels, q), training=True)
        for ours, theirs in zip(q, found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert np.abs(q[0] - made.gating_network(pixels)[0]).max() > 0.1


def test_logits_have_32_bits(dtype_policy):
    dtype_policy("mixed_bfloat16")
    network = chain(layers.Conv2D(3, 2, activation="relu", name="c"))
    dtype_policy("float32")
    made = dlgn_tf.from_keras(network, "dgn")
    assert made.value_network.get_layer("c").compute_dtype == "bfloat16"
    assert made.value_network.output.dtype == "float32"


def test_branches_that_can_be_left_out():
    """All but the shortest, at each call of an Add."""
    image, add = keras.Input((6, 6, 2)), layers.Add(name="add")
    first = layers.Conv2D(2, 1, activation="relu", name="a")(image)
    second = layers.Conv2D(2, 1, activation="relu", name="b")(first)
    h = add([second, first, image])
    h = add([layers.Conv2D(2, 1, activation="relu", name="c")(h), h])
    network = user_network.UserNetwork(
        keras.Model(image, layers.Dense(3)(layers.Flatten()(h)))
    )
    assert network.removable() == ["add", "add_2"]
    for removed, left in (
        (["add"], {"c"}),
        (["add_2"], {"a", "b"}),
        (["add", "add_2"], set()),
    ):
        site = sites.Activate()
        network(keras.Input((6, 6, 2)), site, 3, removed=removed)
        assert set(site.names) == left
    # Not what holds all sites.
    h = layers.Add()([first, image])
    head = layers.Dense(3)(layers.Flatten()(h))
    assert not user_network.UserNetwork(keras.Model(image, head)).removable()


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


@keras.saving.register_keras_serializable("test")
class Own(keras.layers.Layer):
    def call(self, x):
        return ops.relu(x)


@keras.saving.register_keras_serializable("test")
class Swish(keras.layers.Layer):
    """Of that name, and another function."""

    def call(self, x):
        return x * ops.sigmoid(3 * x)


@keras.saving.register_keras_serializable("test")
class Squared(layers.ReLU):
    def call(self, x):
        return ops.square(super().call(x))


@keras.saving.register_keras_serializable("test")
class Before(layers.Dense):
    """A layer whose activation does not come last."""

    def call(self, x):
        return x @ self.kernel + self.activation(self.bias)


class Unnamed(keras.layers.Layer):
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)


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


def shared_head():
    """A softmax that is called before the end, too."""
    head = layers.Dense(3, "softmax", name="head")
    return chain(layers.Flatten(), layers.Dense(3), head, head, head=False)


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
    (lambda: chain(Swish(name="s")), r"s \(a Swish\)"),
    (lambda: chain(Squared(name="s")), r"s \(a Squared\)"),
    (
        lambda: chain(Before(3, "relu", bias_initializer="ones", name="d")),
        "end with their activation.*d, a Before",
    ),
    (lambda: chain(Unnamed(ops.relu, name="u")), "u, a Unnamed without get_"),
    (
        lambda: chain(layers.Activation(ops.gelu, name="g")),
        "g, which then computes something else",
    ),
    (lambda: chain(ops.sin), r"sin\w* \(sin\)"),
    (lambda: chain(lambda x: ops.clip(x, 0, 6)), r"clip\w* \(clip\)"),
    (shared_head, r"head \(softmax\), head \(softmax\)"),
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
        ({"family": "rnn"}, "family=rnn"),
        ({"weights": "old"}, "weights=old"),
        ({"keep": ["nobody"]}, "Received: nobody"),
        ({"gate": "own", "gate_regime": "joint"}, "gate=own"),
        ({"max_pooling": "max"}, "max_pooling=max"),
        (
            {"family": "dlgn_sf", "gate_regime": "frozen_learned"},
            "of a dgn or dlgn",
        ),
    ],
)
def test_bad_arguments(small, options, message):
    options = {"family": "dgn", **options}
    with pytest.raises(UserError, match=message):
        dlgn_tf.from_keras(small, **options)

"""Gates switched, against the value network called with other gates."""

import numpy as np
import pytest

from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError
from dlgn_tf.inspection import interventions as switching
from dlgn_tf.inspection.interventions import Switch, interventions

SWITCHES = [
    Switch("conv2", "off"),
    Switch("conv2", "on"),
    Switch("conv1", "mean"),
    Switch("conv3", "off", channel=1),
    Switch("conv3", "mean", channel=0),
    Switch("conv4", "on", position=(2, 5)),
    Switch("conv4", "off", channel=2, position=(0, 1)),
]


@pytest.fixture
def image_set(images_for):
    def draw(model, count=7):
        labels = np.arange(count, dtype="int32") % 4
        return ImageSet(images_for(model, count), labels)

    return draw


def switched(gate, switch, mean, most):
    """By loops over all units."""
    gate = np.array(gate)
    _, height, width, channels = gate.shape
    for row, column, channel in np.ndindex(height, width, channels):
        if switch.channel not in (None, channel):
            continue
        if switch.position not in (None, (row, column)):
            continue
        unit = (slice(None), row, column, channel)
        level = {"on": most, "off": 0}.get(switch.to)
        gate[unit] = mean[unit[1:]] if level is None else level
    return gate


def logits_with(model, images, switch, mean, most):
    pixels = model.normalization(images)
    entering = model.value_inputs(
        pixels, list(model.preactivations(images).values())
    )
    inputs = [np.asarray(tensor) for tensor in entering]
    place = 1 + model.site_names.index(switch.site)
    inputs[place] = switched(inputs[place], switch, mean, most)
    return np.asarray(model.value_network(inputs))


def check(effect, before, after, labels):
    rows = np.arange(len(labels))
    assert effect.images == len(labels)
    assert effect.baseline_accuracy == np.mean(before.argmax(1) == labels)
    assert effect.accuracy == np.mean(after.argmax(1) == labels)
    assert effect.changed_predictions == np.mean(
        before.argmax(1) != after.argmax(1)
    )
    change = after.astype("float64") - before
    tolerance = {"rel": 1e-4, "abs": 1e-6}
    assert effect.mean_logit_change == pytest.approx(
        change[rows, labels].mean(), **tolerance
    )
    assert effect.mean_absolute_logit_change == pytest.approx(
        np.abs(change).mean(), **tolerance
    )


@pytest.mark.parametrize(
    "family,options,most",
    [
        ("dgn", {"gate": "hard"}, 1),
        ("dlgn", {"epsilon": 0.1, "value_input": "ones"}, 1.1),
        ("dlgn", {"gate_permutation": (3, 1, 0, 2)}, 1),
    ],
    ids=["hard", "soft", "permuted"],
)
def test_switches(family, options, most, general_model, image_set):
    model = general_model(f"c4gap_{family}", width=3, **options)
    images = image_set(model)
    before = np.asarray(model(images.images))
    gates = model.gates(images.images)
    found = interventions(model, images, SWITCHES, batch_size=3)
    for switch, effect in zip(SWITCHES, found, strict=True):
        mean = np.asarray(gates[switch.site]).mean(0)
        after = logits_with(model, images.images, switch, mean, most)
        check(effect, before, after, images.labels)
        assert (effect.site, effect.to) == (switch.site, switch.to)
        assert effect.mean_absolute_logit_change > 0


def test_relu_network_responds(general_model, image_set):
    """By NumPy: two dense layers, the later ReLU sees what was switched."""
    model = general_model("fc_dnn", depth=3, width=6)
    images = image_set(model)
    switches = [
        Switch("dense1", "on"),
        Switch("dense1", "off", channel=2),
        Switch("dense1", "mean"),
        Switch("dense2", "mean", channel=1),
    ]
    found = interventions(model, images, switches)
    pixels = np.asarray(model.normalization(images.images), "float64")
    layers = [
        [np.asarray(w, "float64") for w in model.network.get_layer(n).weights]
        for n in ("dense1", "dense2", "logits")
    ]

    def forward(gate1, gate2):
        q = pixels.reshape(len(pixels), -1) @ layers[0][0] + layers[0][1]
        q = q * gate1(q > 0) @ layers[1][0] + layers[1][1]
        return q * gate2(q > 0) @ layers[2][0] + layers[2][1]

    def itself(gate):
        return gate.astype("float64")

    def mean(gate):
        return np.broadcast_to(gate.mean(0), gate.shape)

    def unit_off(gate):
        return itself(gate) * (np.arange(6) != 2)

    first, second = [], []
    forward(lambda g: first.append(g) or itself(g), itself)
    forward(itself, lambda g: second.append(g) or itself(g))

    def unit_mean(gate):
        return np.where(np.arange(6) == 1, second[0].mean(0), gate)

    before = forward(itself, itself)
    np.testing.assert_allclose(
        before, np.asarray(model(images.images)), rtol=1e-4, atol=1e-5
    )
    gates = [
        (np.ones_like, itself),
        (unit_off, itself),
        (mean, itself),
        (itself, unit_mean),
    ]
    for effect, pair in zip(found, gates, strict=True):
        after = forward(*pair)
        check(effect, before, after, images.labels)


def test_mean_over_other_images(general_model, image_set):
    model = general_model("c4gap_dlgn", width=2)
    images, others = image_set(model, 4), image_set(model, 3).images
    switch = Switch("conv2", "mean")
    (found,) = interventions(model, images, [switch], reference=others)
    mean = np.asarray(model.gates(others)["conv2"]).mean(0)
    after = logits_with(model, images.images, switch, mean, 1)
    check(found, np.asarray(model(images.images)), after, images.labels)


def test_max_pooling_needs_no_linearity(general_model, image_set):
    model = general_model("vgg11_dlgn", (32, 32, 1), width=2, pooling="max")
    images, switch = image_set(model, 2), Switch("conv2_1", "off")
    (found,) = interventions(model, images, [switch])
    after = logits_with(model, images.images, switch, None, 1)
    check(found, np.asarray(model(images.images)), after, images.labels)


def test_lists_of_switches_and_table(general_model, image_set):
    model = general_model("gconv_dgn", depth=2, width=2, head_width=3)
    switches = [
        *(Switch(site, "mean") for site in model.site_names),
        *(Switch("dense1", channel=channel) for channel in range(3)),
        Switch("conv1", "on", 1, (0, 7)),
    ]
    effects = interventions(model, image_set(model), switches)
    rows = switching.rows(effects)
    assert len(rows) == 8
    assert rows[-1]["position"] == "0:7"
    assert rows[0]["position"] is rows[0]["channel"] is None
    assert rows[5]["accuracy"] == effects[5].accuracy


@pytest.mark.parametrize(
    "switch,text",
    [
        (Switch("conv9"), "one of conv1, conv2, conv3, conv4. .*conv9$"),
        (Switch("conv1", "up"), "on, off, mean. Received: to=up"),
        (Switch("conv1", channel=3), "channels of conv1 within 0..2.*3.$"),
        (Switch("conv1", channel=-1), "channels of conv1 within 0..2.*-1.$"),
        (Switch("conv1", channel=0.5), "channels of conv1 within 0..2.*0.5.$"),
        (Switch("conv1", position=(8, 0)), r"0..7 x 0..7.*\(8, 0\).$"),
        (Switch("conv1", position=(1,)), r"0..7 x 0..7.*\(1,\).$"),
        (Switch("conv1", position=(1.0, 2.0)), r"0..7 x 0..7.*\(1.0, 2.0\).$"),
    ],
)
def test_refuses(switch, text, general_model, image_set):
    model = general_model("c4gap_dgn", width=3)
    with pytest.raises(UserError, match=text):
        interventions(model, image_set(model), [Switch("conv2"), switch])


def test_refuses_what_has_no_gates_of_this_kind(general_model, image_set):
    model = general_model("fc_dgn", depth=2, width=3)
    with pytest.raises(UserError, match="no positions at the dense site"):
        interventions(
            model, image_set(model), [Switch("dense1", position=(0, 0))]
        )
    with pytest.raises(UserError, match="one image. Received: none"):
        interventions(model, image_set(model, 0), [Switch("dense1")])
    for labels in ([0, 4], [-1, 0]):
        strange = ImageSet(image_set(model, 2).images, np.array(labels))
        with pytest.raises(UserError, match="labels from 0 to 3"):
            interventions(model, strange, [Switch("dense1")])
    numbers = general_model("fc_dgn", depth=2, width=3, loss="squared")
    with pytest.raises(UserError, match="tells classes apart.*fc_dgn"):
        interventions(numbers, image_set(numbers), [Switch("dense1")])
    ensemble = general_model("c1gap_dnn", width=2, members=2)
    with pytest.raises(UserError, match="single network.*EnsembleNetwork"):
        interventions(ensemble, image_set(ensemble), [])

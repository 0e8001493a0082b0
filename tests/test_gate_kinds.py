"""A gate kind and a nonlinearity that the package does not know."""

import html

import keras
import numpy as np
import pytest
from keras import ops

from dlgn_tf import dual
from dlgn_tf.data import catalog
from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError
from dlgn_tf.gate_kinds import GATES, GateFunction, GateKind
from dlgn_tf.inspection import gate_statistics, interventions, report
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.sections import at_a_glance
from dlgn_tf.models import transfer
from dlgn_tf.models.activations import ACTIVATIONS, Nonlinearity
from dlgn_tf.models.build import create_model, load_model
from dlgn_tf.models.registry import resolve_gates
from dlgn_tf.training.output import EventOutput

SHAPE = (6, 6, 1)


def ramp(q):
    """Halfway, 1.5, at 0; from 0 to 3."""
    return np.clip(1.5 + 4 * q, 0, 3)


@keras.saving.register_keras_serializable(package="test")
class TwoSlopes(keras.layers.Layer):
    """0.5 q where q <= 0, u q where it is positive; u is learned, at most 3."""

    def build(self, input_shape):
        self.u = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(3)
        )

    def gate(self, q):
        return ops.where(q > 0, ops.convert_to_tensor(self.u), 0.5)

    def call(self, q):
        return q * self.gate(q)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """What README says to do: one entry each."""
    of_ramp = GateFunction(
        lambda q: ops.clip(1.5 + 4 * q, 0, 3), "ramp: from 0 to 3", most=3.0
    )
    twice = GateFunction(
        lambda q: 2 * ops.cast(q > 0, q.dtype), "twice: 2 if q > 0", most=2.0
    )
    monkeypatch.setitem(GATES, "ramp", GateKind(lambda: of_ramp))
    monkeypatch.setitem(
        GATES, "twice", GateKind(lambda: twice, differentiable=False)
    )
    monkeypatch.setitem(
        ACTIVATIONS,
        "two_slopes",
        Nonlinearity(
            lambda name, options: TwoSlopes(name=name),
            lambda layer: GateFunction(layer.gate, "two slopes", 3.0, 0.5),
        ),
    )


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (12, *SHAPE)).astype("uint8")


def create(family, **options):
    options = {"width": 8, "seed": 1, "mean": 0.4, "std": 0.2, **options}
    return create_model(
        f"fc_{family}", SHAPE, 3, depth=4, biases=False, **options
    )


def preactivations(model, images):
    found = model.routed(model.preactivations(images))
    return {site: np.asarray(q) for site, q in found.items()}


def value_logits(model, images, gates, layer="logits"):
    """By NumPy: a fully connected network without biases under its gates.

    What enters the nonlinearity of a layer behind these gates, or the logits.
    """
    h = np.asarray(model.normalization(images)).reshape(len(images), -1)
    for index, gate in enumerate(gates, start=1):
        dense = model.logits_network.get_layer(f"dense{index}")
        h = h @ dense.get_weights()[0] * gate
    return h @ model.logits_network.get_layer(layer).get_weights()[0]


def own_gate(q):
    return np.where(q > 0, 3.0, 0.5)


CASES = {
    "ramp": (lambda: create("dlgn", gate="ramp"), ramp, (0.0, 3.0)),
    "twice": (
        lambda: create("dlgn", gate="twice"),
        lambda q: 2.0 * (q > 0),
        (0.0, 2.0),
    ),
    "two_slopes": (
        lambda: create("dnn", activation="two_slopes"),
        own_gate,
        (0.5, 3.0),
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    make, gate, bounds = CASES[request.param]
    return make(), gate, bounds


def test_gates_and_logits(case, images):
    model, gate, _ = case
    gates = [gate(q) for q in preactivations(model, images).values()]
    for found, expected in zip(
        model.gates(images).values(), gates, strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        model(images), value_logits(model, images, gates), rtol=1e-3, atol=1e-4
    )


def test_statistics(case, images):
    model, gate, (least, most) = case
    found = gate_statistics.collect(model, images, np.arange(12) % 3)
    for site, q in preactivations(model, images).items():
        share = (gate(q) - least) / (most - least)
        assert found.sites[site].sureness == pytest.approx(
            np.abs(2 * share - 1).mean(), rel=1e-4
        )
        np.testing.assert_allclose(found.sites[site].on, (q > 0).mean(0))


@pytest.mark.parametrize("to", ["on", "off"])
def test_interventions(case, images, to):
    """Set at the first site; a network with own gates responds behind it."""
    model, gate, (_, most) = case
    labels = np.arange(12) % 3
    (effect,) = interventions.interventions(
        model,
        ImageSet(images, labels),
        [interventions.Switch(model.site_names[0], to)],
    )
    level = {"on": most, "off": 0.0}[to]
    q = list(preactivations(model, images).values())
    gates = [np.full_like(q[0], level), *map(gate, q[1:])]
    if "dnn" in model.name:
        for k in (1, 2):
            layer = f"dense{k + 1}"
            gates[k] = gate(value_logits(model, images, gates[:k], layer))
    after = value_logits(model, images, gates)
    untouched = value_logits(model, images, [gate(x) for x in q])
    change = after - untouched
    assert effect.mean_absolute_logit_change == pytest.approx(
        np.abs(change).mean(), rel=1e-3
    )
    assert effect.accuracy == (after.argmax(1) == labels).mean()


def test_kernel(case, images):
    """Of fully connected layers: products of shared gates, times inputs."""
    model, gate, _ = case
    x = np.asarray(model.normalization(images), "float64").reshape(12, -1)
    expected = x @ x.T
    for q in preactivations(model, images).values():
        g = gate(q.astype("float64"))
        expected = expected * (g @ g.T) / g.shape[1]
    found = dual.neural_path_kernel(model, images)
    # Up to the normalisation of the inputs, which is one number.
    expected *= np.trace(found) / np.trace(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_contributions_sum_to_the_logits(case, images):
    model, _, _ = case
    found = DualView(model).contributions(images, model.site_names[1])
    np.testing.assert_allclose(found.total, model(images), rtol=1e-3, atol=1e-4)


def test_the_page_says_what_the_gate_is(tmp_path, case, images):
    model, _, _ = case
    task = report.InspectedNetwork(
        model=model,
        family=model.name.split("_")[1],
        step=None,
        origin="a test",
        dataset=catalog.get("digits"),
        images=ImageSet(images, np.arange(12) % 3),
        sites=tuple(model.site_names[:1]),
        channels=2,
        examples=1,
        singular_values=False,
    )
    output = EventOutput(tmp_path, "page", "inspection")
    made = report.Report(task, output, "A title")
    at_a_glance.add(made)
    page = made.page.html()
    assert html.escape(model.gate_at(model.site_names[0]).formula) in page
    assert "hard: 1 if q" not in page and "sigmoid(" not in page


def test_transfer(tmp_path, images):
    model = create("dgn", gate="ramp", activation="two_slopes")
    again = create("dgn", gate="ramp", activation="two_slopes", seed=2)
    transfer.copy_model(model, again)
    transfer.check_same_gates(model, again)
    np.testing.assert_array_equal(model(images), again(images))
    other = create("dgn", gate="soft", activation="two_slopes")
    with pytest.raises(UserError, match="gate kind soft. Received.*ramp"):
        transfer.check_same_gates(model, other)
    with pytest.raises(UserError, match="no 'dense1_relu'"):
        transfer.copy_model(model, create("dgn", gate="ramp"))
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))


def test_regimes_ask_whether_gradients_pass():
    assert resolve_gates("dgn", None, "ramp") == ("joint", "ramp")
    assert resolve_gates("dgn", None, "twice") == ("frozen_random", "twice")
    with pytest.raises(UserError, match="Twice gates pass no gradient"):
        resolve_gates("dgn", "joint", "twice")


def test_dependent_gates_leave_the_nonlinearitys_weights_alone():
    model = create(
        "dgn", gate_regime="frozen_dependent", activation="two_slopes"
    )
    for index in (1, 2, 3):
        ours, theirs = (
            network.get_layer(f"dense{index}").get_weights()[0]
            for network in (model.gating_network, model.value_network)
        )
        np.testing.assert_array_equal(ours, theirs)


def test_gates_without_a_bound_are_said_to_have_none(monkeypatch, images):
    unbounded = GateFunction(ops.softplus, "softplus(q)", most=float("inf"))
    monkeypatch.setitem(GATES, "softplus", GateKind(lambda: unbounded))
    model = create("dlgn", gate="softplus")
    found = gate_statistics.collect(model, images, np.arange(12) % 3)
    assert all(np.isnan(each.sureness) for each in found.sites.values())
    with pytest.raises(UserError, match="upper bound.*softplus"):
        interventions.interventions(
            model,
            ImageSet(images, np.arange(12) % 3),
            [interventions.Switch(s, "on") for s in model.site_names],
        )

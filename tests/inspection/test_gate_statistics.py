"""Gate statistics against NumPy on all gates at once."""

import itertools

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.gate_statistics import collect

MODELS = {
    "dlgn": ("resnet20_dlgn", {"depth": 8, "width": 4}),
    "dgn": ("gconv_dgn", {"width": 3, "head_width": 5}),
    "dnn": ("c4gap_dnn", {"width": 3}),
    "permuted": ("c4gap_dlgn", {"width": 3, "gate_permutation": (2, 0, 3, 1)}),
    "ensemble": ("c1gap_dnn", {"width": 3, "members": 2}),
    "hard": ("fc_dgn", {"width": 6, "gate": "hard"}),
}
LABELS = np.array([0, 2, 2, 0, 0, 3, 2, 0, 0])


@pytest.fixture(params=MODELS)
def model(request, trained_like):
    name, options = MODELS[request.param]
    return trained_like(name, **options)


@pytest.fixture
def images(pixels):
    return pixels(len(LABELS))


def hard_gates(model, images):
    preactivations = model.routed(model.preactivations(images))
    return {site: np.asarray(q) > 0 for site, q in preactivations.items()}


def test_shares(model, images):
    found = collect(model, images, LABELS, classes=5, batch_size=4)
    assert found.images == 9
    assert list(found.sites) == model.site_names
    for site, on in hard_gates(model, images).items():
        of_site = found.sites[site]
        inner = tuple(range(len(on.shape) - 1))
        np.testing.assert_allclose(of_site.on_at, on.mean(0), rtol=1e-6)
        np.testing.assert_allclose(of_site.on, on.mean(inner), rtol=1e-6)
        somewhere = on.any(inner[1:]).mean(0)
        np.testing.assert_allclose(of_site.images_on, somewhere)
        dead = [k for k in range(on.shape[-1]) if not on[..., k].any()]
        always = [k for k in range(on.shape[-1]) if on[..., k].all()]
        assert of_site.dead.tolist() == dead
        assert of_site.always_on.tolist() == always


def test_overlap_is_the_mean_over_pairs_of_images(model, images):
    found = collect(model, images, LABELS, classes=5, batch_size=4)
    for site, on in hard_gates(model, images).items():
        flat = on.reshape(len(on), -1).astype("float64")
        common = flat @ flat.T / flat.shape[1]
        for a, b in itertools.product(range(5), repeat=2):
            pairs = [
                common[i, j]
                for i, j in itertools.permutations(range(9), 2)
                if (LABELS[i], LABELS[j]) == (a, b)
            ]
            overlap = found.sites[site].overlap[a, b]
            if pairs:
                assert overlap == pytest.approx(np.mean(pairs), rel=1e-6)
            else:
                assert np.isnan(overlap)


def test_how_sure_gates_are(model, images):
    found = collect(model, images, LABELS, batch_size=4)
    largest = 1 + getattr(getattr(model, "gate", None), "epsilon", 0)
    for site, gates in model.gates(images).items():
        of_site = found.sites[site]
        share = np.asarray(gates, "float64")
        if not np.isin(share, (0, 1)).all():
            share = share / largest
        rest = np.clip(1 - share, 1e-30, 1)
        some = np.clip(share, 1e-30, 1)
        entropy = -(share * np.log2(some) + rest * np.log2(rest)).mean()
        assert of_site.entropy == pytest.approx(entropy, abs=1e-5)
        sureness = np.abs(2 * share - 1).mean()
        assert of_site.sureness == pytest.approx(sureness, abs=1e-5)


def test_agreement_unit_for_unit(model, images):
    found = collect(model, images, LABELS, batch_size=4).agreement
    gates = list(hard_gates(model, images).values())
    for (i, a), (j, b) in itertools.product(enumerate(gates), repeat=2):
        if a.shape == b.shape:
            assert found[i, j] == pytest.approx((a == b).mean())
        else:
            assert np.isnan(found[i, j])


def enumerated_hsic(k, other):
    """Mean over all ordered choices of different images (Song et al.)."""
    terms = [
        k[i, j] * (other[i, j] + other[q, r] - 2 * other[i, q])
        for i, j, q, r in itertools.permutations(range(len(k)), 4)
    ]
    return np.mean(terms)


def test_similarity_is_cka_of_pairs_of_images(trained_like, pixels):
    model = trained_like("gconv_dgn", width=3, head_width=5)
    images = pixels(11)
    found = collect(model, images, np.zeros(11, int), batch_size=6).similarity
    gates = [
        g.reshape(11, -1).astype("float64")
        for g in hard_gates(model, images).values()
    ]
    kernels = [
        [g[part] @ g[part].T for g in gates]
        for part in (slice(0, 6), slice(6, 11))
    ]

    def dependence(i, j):
        first, last = (enumerated_hsic(k[i], k[j]) for k in kernels)
        return 6 * first + 5 * last

    for i, j in ((0, 1), (2, 3), (1, 3)):
        expected = dependence(i, j) / np.sqrt(
            dependence(i, i) * dependence(j, j)
        )
        assert found[i, j] == pytest.approx(expected, rel=1e-5)
    for index in range(6):
        if dependence(index, index) > 1e-9:
            assert found[index, index] == pytest.approx(1)
        else:
            assert np.isnan(found[index]).all()


def test_some_sites_in_other_batches(trained_like, images):
    model = trained_like("c4gap_dlgn", width=3)
    few = collect(model, images, LABELS, sites=["conv4", "conv2"], batch_size=2)
    whole = collect(model, images, LABELS)
    assert list(few.sites) == ["conv4", "conv2"]
    for site, of_site in few.sites.items():
        other = whole.sites[site]
        np.testing.assert_array_equal(of_site.on_at, other.on_at)
        np.testing.assert_array_equal(of_site.overlap, other.overlap)
    np.testing.assert_allclose(few.agreement[0, 1], whole.agreement[3, 1])
    # No batch had the four images that CKA takes.
    assert np.isnan(few.similarity).all()


def test_dead_and_always_on(trained_like, images):
    model = trained_like("c4gap_dlgn", width=3)
    layer = model.gating_network.get_layer("conv4")
    kernel, _ = layer.get_weights()
    layer.set_weights([0 * kernel, np.array([-1.0, 1.0, 0.0])])
    found = collect(model, images, LABELS).sites["conv4"]
    assert found.dead.tolist() == [0, 2]
    assert found.always_on.tolist() == [1]
    np.testing.assert_allclose(found.overlap[0, [0, 2]], 1 / 3)
    np.testing.assert_allclose(found.relative_overlap[0, 2], 1)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"labels": LABELS[:-1]}, "each with a label"),
        ({"images": np.zeros((9, 8, 7, 1))}, "image of shape"),
        ({"images": np.zeros((0, 8, 8, 1)), "labels": LABELS[:0]}, "at least"),
        ({"classes": 3}, "labels from 0 to 2"),
        ({"labels": LABELS - 1}, "labels from 0"),
        ({"sites": ["conv5"]}, "a gate site, one of"),
        ({"batch_size": 0}, "batch_size"),
        ({"memory_gib": 1e-6}, "memory_gib of at least"),
    ],
)
def test_wrong_arguments(change, text, trained_like, images):
    arguments = {"images": images, "labels": LABELS, **change}
    with pytest.raises(UserError, match=text):
        collect(trained_like("c4gap_dlgn", width=3), **arguments)


def test_a_network_without_gates_is_refused(trained_like, pixels):
    model = trained_like("scattering3_mini_dnn", (32, 32, 3), width=2)
    with pytest.raises(UserError, match="with gate sites. Received: scatter"):
        collect(model, pixels(2, (32, 32, 3)), LABELS[:2])

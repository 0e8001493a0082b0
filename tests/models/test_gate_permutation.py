"""Which site of the value network uses which gate; see test_forward."""

import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf import export
from dlgn_tf.errors import UserError
from dlgn_tf.models import registry
from dlgn_tf.models.build import create_model

SHAPE = (4, 4, 1)


def fc(permutation, family="dgn", **arguments):
    """Two or three hidden layers of equal width."""
    depth = 1 + len(permutation or (0, 1, 2))
    return create_model(
        f"fc_{family}",
        SHAPE,
        3,
        depth=depth,
        width=6,
        seed=3,
        gate_permutation=permutation,
        **arguments,
    )


def test_survives_export(images, tmp_path):
    """And files of Keras: see test_reload."""
    model = fc((2, 0, 1))
    export.export(model, tmp_path / "saved")
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(
        loaded.serving_default(images)["logits"], model(images), rtol=1e-5
    )
    gates = loaded.gates(images)
    q = model.preactivations(images)
    for site, source in zip(
        ("dense1", "dense2", "dense3"),
        ("dense3", "dense1", "dense2"),
        strict=True,
    ):
        # The soft gate of this architecture.
        expected = 1.1 / (1 + np.exp(-4 * np.asarray(q[source], "float64")))
        np.testing.assert_allclose(gates[site], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "options", "permutation", "text"),
    [
        (
            "gconv_dgn",
            (8, 8, 1),
            {"depth": 2, "width": 2, "head_width": 3},
            (1, 0, 2, 3),
            r"\(8, 8, 2\) at gate site 'conv1'.*'conv2'.*\(8, 8, 4\)",
        ),
        (
            "vgg11_dlgn",
            (32, 32, 1),
            {"width": 2},
            (0, 1, 3, 2, 4, 5, 7, 6),
            None,
        ),
        (
            "vgg11_dlgn",
            (32, 32, 1),
            {"width": 2},
            (1, 0, 2, 3, 4, 5, 6, 7),
            r"\(32, 32, 2\) at gate site 'conv1_1'.*'conv2_1'",
        ),
        ("c4gap_dgn", SHAPE, {}, (0, 1, 2), "0 to 3.*0, 1, 2"),
        ("c4gap_dgn", SHAPE, {}, (0, 1, 2, 2), "each once"),
    ],
)
def test_gates_and_sites_of_one_shape(name, shape, options, permutation, text):
    def create():
        return create_model(
            name, shape, gate_permutation=permutation, **options
        )

    if text is None:
        assert create().gate_permutation == permutation
    else:
        with pytest.raises(UserError, match=text):
            create()


SMALL_DEPTHS = {
    "fc": (2, 5),
    "fcresnet": (6, 12),
    "c1gap": (1, 3),
    "c4gap": (1, 4),
    "gconv": (2, 3),
    "vconv": (2, 4),
    "vgg11": (11, 13),
    "vgg16": (11, 19),
    "resnet20": (8, 14),
    "resnet110": (8, 14),
    "resnet164": (11, 20),
    "wrn16_4": (10, 16),
}


@pytest.mark.parametrize("name", SMALL_DEPTHS)
def test_number_of_sites_is_known_beforehand(name):
    architecture = registry.ARCHITECTURES[name]
    for depth in SMALL_DEPTHS[name]:
        model = create_model(f"{name}_dnn", (32, 32, 1), depth=depth, width=1)
        options = architecture.resolve({"depth": depth})
        assert architecture.site_count(options) == len(model.site_names)

"""Models of every kind are saved, and loaded as they were."""

import json

import numpy as np
import pytest

from dlgn_tf.choices import BETA_MODES, ENSEMBLE_RULES
from dlgn_tf.models.build import create_model, load_model

SHAPE = (8, 8, 3)
C4GAP = {"width": 3, "depth": 3}
RESNET = {"depth": 8, "width": 4}
SMASO = {"width": 2, "batch_normalized": True, "apodized": True}
SMASO |= {"padding": "same", "per_image": True}
POST = {"depth": 8, "width": 2, "norm": "post"}
GATE = {"beta": 3.0, "epsilon": 0.1}
NORMALIZATION = {"mean": 0.4, "std": (0.2,) * 3}
CASES = [
    ("c4gap_dnn", C4GAP),
    ("c4gap_dgn", {**C4GAP, **GATE}),
    ("c4gap_dgn", {**C4GAP, "gate_regime": "frozen_random"}),
    ("c4gap_dgn", {**C4GAP, "gate_permutation": (2, 0, 1)}),
    ("c4gap_dlgn", {**C4GAP, **GATE, "value_input": "ones"}),
    ("c4gap_dlgn_sf", {**C4GAP, **GATE, "value_input": "image"}),
    ("c1gap_dlgn", {"width": 3}),
    *(
        ("c1gap_dnn", {"width": 3, "members": 3, "ensemble_rule": rule})
        for rule in ENSEMBLE_RULES
    ),
    *(
        (
            name,
            {
                **C4GAP,
                "activation": "abs_beta_vq",
                "activation_beta_mode": mode,
            },
        )
        for name in ("c4gap_dnn", "c4gap_dgn")
        for mode in BETA_MODES
    ),
    ("fc_dlgn", {"width": 3}),
    ("fcresnet_dlgn", {"width": 3}),
    ("gconv_dgn", {"width": 2, "head_width": 5}),
    ("vgg11_dlgn_sf", {"width": 2}),
    ("vgg11_dlgn", {"width": 2, "removed": ("conv5_1",)}),
    ("resnet20_dnn", {**RESNET, "depth": 14, "removed": ("group2_block2",)}),
    ("resnet20_dlgn", RESNET),
    ("resnet110_dgn", RESNET),
    ("resnet20_dgn", {**POST, "shortcut": "A"}),
    ("resnet20_dlgn", {**POST, "shortcut": "B"}),
    ("resnet20_dlgn_sf", POST),
    *((f"smallcnn_{family}", SMASO) for family in ("dnn", "dlgn", "dlgn_sf")),
    ("largecnn_dgn", SMASO),
    *((f"{x}_dnn", {"width": 4, "norm": "post"}) for x in ("mlp", "plaincnn")),
    ("mlp_dlgn", {"width": 4, "norm": "post"}),
    ("plaincnn_dlgn_sf", {"width": 4, "norm": "post"}),
    *(("scattering3_mini_dnn", {"width": 2, "skip": s}) for s in (False, True)),
]


@pytest.mark.parametrize(
    "name,options",
    CASES,
    ids=[f"{k} {name}" for k, (name, _) in enumerate(CASES)],
)
def test_reload(rng, tmp_path, name, options):
    large = name.startswith(("vgg", "scattering", "plaincnn"))
    shape = (32, 32, 3) if large else SHAPE
    pixels = {} if "per_image" in options else NORMALIZATION
    model = create_model(name, shape, 3, **pixels, **options)
    for weight in model.weights:
        weight.assign(weight + rng.uniform(0.01, 0.2, weight.shape))
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    assert (again.name, again.image_shape) == (name, shape)
    assert again.site_names == model.site_names
    # Tuples become lists on the way.
    first, second = (json.dumps(m.get_config()) for m in (model, again))
    assert json.loads(first) == json.loads(second)
    assert len(again.trainable_variables) == len(model.trainable_variables)
    images = rng.integers(0, 256, (3, *shape)).astype("uint8")
    np.testing.assert_array_equal(again(images), model(images))
    gates = again.gates(images)
    assert list(gates) == model.site_names
    for site, gate in model.gates(images).items():
        np.testing.assert_array_equal(gates[site], gate)

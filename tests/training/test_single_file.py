"""Networks as one file of ONNX Runtime or LiteRT, beside Keras itself."""

import importlib

import keras
import numpy as np
import pytest

from dlgn_tf import create_model, export
from dlgn_tf.claims.small_networks import leave_initial_point
from dlgn_tf.errors import UserError
from dlgn_tf.models.classifier import single_networks
from dlgn_tf.training import single_file

SHAPE = (8, 8, 1)
# One small architecture a family: batch normalisation and skips, hard gates,
# circular padding and soft ones, dense layers behind convolutions.
MODELS = {
    "dnn": ("resnet20_dnn", {"depth": 8, "width": 4}),
    "dgn": ("c4gap_dgn", {"depth": 2, "width": 4, "gate": "hard"}),
    "dlgn": ("c4gap_dlgn", {"depth": 2, "width": 4, "padding": "circular"}),
    "dlgn_sf": ("vconv_dlgn_sf", {"depth": 2, "width": 4, "head_width": 6}),
}
RUNTIMES = {"onnx": "onnxruntime", "litert": "ai_edge_litert.interpreter"}


def model_of(family):
    """Not as it is made: shifts and scales that do something."""
    name, options = MODELS[family]
    model = create_model(name, SHAPE, seed=0, **options)
    rng = np.random.default_rng(1)
    for network in single_networks(model).values():
        leave_initial_point(network, rng)
    return model


def answers(path, images):
    """What another runtime makes of images, as one array."""
    name = {".onnx": "onnx", ".tflite": "litert"}[path.suffix]
    runtime = importlib.import_module(RUNTIMES[name])
    if name == "onnx":
        session = runtime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"]
        )
        (given,) = session.get_inputs()
        (output,) = session.run(None, {given.name: images})
        return output
    reader = runtime.Interpreter(str(path))
    (given,) = reader.get_input_details()
    (output,) = reader.get_output_details()
    reader.resize_tensor_input(given["index"], images.shape)
    reader.allocate_tensors()
    reader.set_tensor(given["index"], images)
    reader.invoke()
    return reader.get_tensor(output["index"])


def need(name):
    """Skips where the extra of a format is not installed."""
    for package in (RUNTIMES[name], *single_file._PACKAGES[name]):
        pytest.importorskip(package, reason=f"needs dlgn_tf[{name}]")


@pytest.mark.parametrize("name", single_file.FILES)
@pytest.mark.parametrize("family", MODELS)
def test_other_runtimes_compute_the_same(family, name, tmp_path):
    need(name)
    model = model_of(family)
    path = single_file.write(model, tmp_path, name, ("a\nb", "c"))
    rng = np.random.default_rng(0)
    for count in (1, 5):
        images = rng.uniform(0, 255, (count, *SHAPE)).astype("float32")
        expected = np.asarray(model(images, training=False))
        assert np.ptp(expected) > 0.01
        found = answers(path, images)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    names = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert {*names} == {path.name, "class_names.txt"}
    assert names["class_names.txt"] == b"a b\nc\n"


@pytest.mark.parametrize("name", single_file.FILES)
def test_the_command_writes_the_file_and_nothing_else(
    name, tmp_path, in_this_process, capfd
):
    need(name)
    model = create_model("c4gap_dlgn", SHAPE, seed=0, depth=2, width=4)
    model.save(tmp_path / "model.keras")
    in_this_process(
        export,
        f"--model_path={tmp_path / 'model.keras'}",
        f"--format={name}",
        f"--export_dir={tmp_path / 'made'}",
    )
    out, err = capfd.readouterr()
    file = tmp_path / "made" / single_file.FILES[name]
    assert out == f"c4gap_dlgn: {file}\n" and err == ""
    assert [*(tmp_path / "made").iterdir()] == [file]


def test_half_precision_is_refused(tmp_path, dtype_policy):
    dtype_policy("mixed_bfloat16")
    model = create_model("c4gap_dlgn", SHAPE, depth=2, width=4)
    with pytest.raises(UserError, match="float32.*Received: .*bfloat16"):
        single_file.write(model, tmp_path, "onnx")
    assert not [*tmp_path.iterdir()]


def test_an_operation_that_the_format_lacks_is_refused(tmp_path):
    """LiteRT has no determinant; without it TensorFlow would be needed."""
    pixels = keras.Input(SHAPE)
    x = keras.ops.linalg.det(pixels[..., 0])
    model = keras.Model(pixels, x[:, None], name="determinant")
    with pytest.raises(UserError, match="that litert has.*determinant, "):
        single_file.write(model, tmp_path, "litert")
    assert not [*tmp_path.iterdir()]


def test_what_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(single_file.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"extra onnx .*onnx, tf2onnx"):
        single_file.check_format("onnx")
    single_file.check_format("litert")

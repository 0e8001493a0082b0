"""Learned betas in training: they move, and TensorBoard has them."""

import numpy as np
import pytest
from tensorboard.util import tensor_util

from dlgn_tf.models.build import load_model
from dlgn_tf.training import configured, event_file


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, train_run):
    path = tmp_path_factory.mktemp("betas") / "run"
    train_run(
        path,
        "c4gap_dgn",
        "--width=4",
        "--depth=3",
        "--activation=beta_vq",
        "--activation_beta_mode=per_channel",
        "--l2=0.1",
        "--train_steps=8",
        "--log_every=4",
        "--eval_every=8",
    )
    return path


@pytest.fixture
def points(run_dir):
    """Dict from (tag, step) to array."""
    return {
        (tag, step): tensor_util.make_ndarray(value)
        for step, tag, value in event_file.read_events(run_dir / "train")
    }


@pytest.mark.parametrize("layer", ["conv1_beta_vq", "conv2_beta_vq"])
def test_points_are_those_of_the_model(run_dir, points, layer):
    model = load_model(run_dir / "model.keras")
    betas = configured.learned_betas(model)[layer]
    assert betas.shape == (4,) and np.all(betas != 0.5)
    np.testing.assert_allclose(points[f"beta/{layer}", 8], np.mean(betas))
    histogram = points[f"betas/{layer}", 8]
    # Left and right edge and count of every bucket.
    assert histogram[:, 2].sum() == 4
    np.testing.assert_allclose(histogram[0, 0], betas.min())
    np.testing.assert_allclose(histogram[-1, 1], betas.max())
    assert (f"beta/{layer}", 4) in points


def test_l2_is_of_kernels_alone(run_dir, points):
    """With sum of squared kernels times l2, betas left out."""
    model = load_model(run_dir / "model.keras")
    assert {v.name for v in model.trainable_variables} == {
        "kernel",
        "bias",
        "u",
    }
    squares = sum(
        np.sum(np.square(v))
        for v in model.trainable_variables
        if v.name == "kernel"
    )
    found = points["train/regularization_loss", 8]
    # The mean over steps 5 to 8, in which kernels hardly move.
    np.testing.assert_allclose(found, 0.1 * squares, rtol=0.05)


def test_networks_without_have_none():
    from dlgn_tf.models.build import create_model

    options = {"width": 4, "activation": "beta_vq"}
    fixed = create_model(
        "c4gap_dnn", (8, 8, 1), activation_beta_mode="fixed", **options
    )
    assert configured.learned_betas(fixed) == {}

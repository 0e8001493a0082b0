"""A run directory that an older version of the package has written.

Its network, of four filters, learned digits for 60 steps.
"""

import pathlib
import shutil

import numpy as np
import pytest

import dlgn_tf
from dlgn_tf import evaluate
from dlgn_tf.data import sources
from dlgn_tf.training.run_directory import RunDirectory

STEP = 60
# What the older version made of the first image of scikit-learn's digits.
LOGITS = (0.92035, 0.73427, -0.80849, 0.06567, -0.35077)
LOGITS += (-0.05391, -0.63371, 0.30052, -0.22459, 0.35254)


@pytest.fixture
def old_run(tmp_path, monkeypatch):
    archive = pathlib.Path(__file__).with_name("old_run.zip")
    shutil.unpack_archive(archive, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


def test_its_network_computes_what_it_did(old_run):
    from sklearn import datasets

    model, config, step = dlgn_tf.load_run(old_run)
    first = datasets.load_digits().images[:1, ..., None]
    logits = np.asarray(model((first * 255 / 16).astype("uint8")))[0]
    assert (step, config.model) == (STEP, "c1gap_dlgn")
    np.testing.assert_allclose(logits, LOGITS, atol=1e-4)
    again = dlgn_tf.load_model(old_run / "model.keras")
    images = sources.load("digits")[1].images[:20]
    np.testing.assert_allclose(model(images), again(images), atol=1e-6)


def test_it_is_evaluated_and_goes_on(old_run, resolve, train):
    (recorded,) = RunDirectory(old_run).read_metrics()
    found = evaluate.evaluate(old_run)
    for name in ("test_accuracy", "test_classification_loss", "test_images"):
        assert found[name] == pytest.approx(recorded[name], rel=1e-5)
    flags = f"--flagfile={old_run / 'flags.txt'}", f"--train_steps={STEP + 5}"
    trained = train(resolve(*flags))
    assert f"continuing at step {STEP}" in trained.printed
    assert trained.last["step"] == STEP + 5
    assert trained.last["test_classification_loss"] == pytest.approx(
        recorded["test_classification_loss"], abs=0.3
    )

"""Runs as the rainbow reads them."""

import types

import pytest

from dlgn_tf.rainbow import trained_runs


@pytest.mark.parametrize("apodized", [None, True])
def test_the_model_as_drawn_is_the_one_the_run_kept(
    apodized, tmp_path, monkeypatch, capsys
):
    """One drawn anew has the scale that weights are drawn with today."""
    monkeypatch.setattr(
        trained_runs.trained, "load_trained", lambda path, like: path
    )
    monkeypatch.setattr(
        trained_runs.configured,
        "create_configured_model",
        lambda config: "drawn anew",
    )
    config = types.SimpleNamespace(
        init_from=None, gates_from=None, apodized=apodized
    )
    run = trained_runs.TrainedRun("run", tmp_path, None, config)
    assert run.initial == "drawn anew"
    said = capsys.readouterr().out
    assert bool(said) == bool(apodized)
    assert said.startswith(f"{tmp_path} kept no model" if apodized else "")

    (tmp_path / "snapshots").mkdir()
    for step in (0, 5):
        (tmp_path / f"snapshots/step-{step:08}.keras").touch()
    run = trained_runs.TrainedRun("run", tmp_path, None, config)
    assert run.initial == tmp_path / "snapshots" / "step-00000000.keras"
    assert not capsys.readouterr().out

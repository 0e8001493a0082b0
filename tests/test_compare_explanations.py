"""The tool that measures methods of explanation where the answer is known."""

import numpy as np
import pytest

from dlgn_tf.inspection.attributions import METHODS


@pytest.mark.slow
def test_scores(load_tool, in_this_process, monkeypatch, tmp_path, read_table):
    """Of a network that must use the patch, and of one that learned nothing."""
    tool = load_tool("compare_explanations")
    monkeypatch.setattr(tool, "NETWORKS", {"c4gap_dlgn": {"width": 4}})
    small = ("--seeds=1", "--examples=512", "--images=4")
    found = {}
    for epochs in (2, 30):
        folder = tmp_path / str(epochs)
        in_this_process(
            tool, f"--output_dir={folder}", f"--epochs={epochs}", *small
        )
        rows = read_table(folder / "scores.csv")
        assert [row["method"] for row in rows] == list(METHODS)
        found[epochs] = {row["method"]: row for row in rows}
        exact = found[epochs]["contributions"]
        assert float(exact["gap"]) < 1e-5
        for name in ("mass", "permuted", "redrawn"):
            assert -1 <= float(exact[name]) <= 1
    mass = {
        k: np.mean([float(row["mass"]) for row in of_methods.values()])
        for k, of_methods in found.items()
    }
    # The patch is a ninth of the image.
    assert mass[30] > max(mass[2], 1 / 9)

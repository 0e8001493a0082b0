"""rainbow.13 on tables of known figures."""

import numpy as np
import pytest

from dlgn_tf.claims.registry import NotMeasured
from dlgn_tf.rainbow.claims import plain_cnn


def write(folder, trained, drawn, header="run,covariances,layers,way,accuracy"):
    path = folder / "rainbow" / "plaincnn" / "resampling.csv"
    path.parent.mkdir(parents=True)
    lines = [header]
    for k, (a, b) in enumerate(zip(trained, drawn, strict=True)):
        lines += [
            f"{k},none,none,trained,{a}",
            f"{k},own,all,resampled,{b}",
            # Of other networks than that of the tutorial.
            f"{k},all,all,resampled,0.9",
            f'{k},own,all,"resampled, new head",0.9',
        ]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "trained,drawn,holds",
    [
        ([0.57, 0.59], [0.40, 0.38], True),
        ([0.515, 0.52], [0.46, 0.461], True),
        ([0.57, 0.57], [0.34, 0.34], False),
        ([0.64, 0.64], [0.40, 0.40], False),
        # Only the mean counts.
        ([0.50, 0.64], [0.33, 0.47], True),
    ],
)
def test_verdict(tmp_path, trained, drawn, holds):
    write(tmp_path, trained, drawn)
    found = plain_cnn.measure(None, tmp_path)
    assert found.holds is holds
    assert found.values["found"] == {"trained": trained, "resampled": drawn}
    assert f"trained {np.mean(trained):.1%}" in found.measured
    assert "2 runs" in found.measured


def test_without_results(tmp_path):
    with pytest.raises(NotMeasured, match="rainbow_plaincnn.flags"):
        plain_cnn.measure(None, tmp_path)


def test_results_that_are_not_whole(tmp_path):
    write(tmp_path, [0.57], [0.4], header="run,covariances,layers,way,error")
    with pytest.raises(NotMeasured, match="no whole"):
        plain_cnn.measure(None, tmp_path)

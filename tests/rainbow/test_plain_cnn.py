"""rainbow.13 on tables of known figures."""

import numpy as np
import pytest

from dlgn_tf.claims.verdicts import NotMeasured
from dlgn_tf.rainbow.claims import plain_cnn

# Networks of one distribution, around a mean.
SPREAD = np.array([-0.01, 0.0, 0.01])


def write(
    folder,
    trained,
    drawn,
    header="run,covariances,layers,way,accuracy",
    control=0.1,
):
    path = folder / "rainbow" / "plaincnn" / "resampling.csv"
    path.parent.mkdir(parents=True)
    lines = [header]
    for k, (a, b) in enumerate(zip(trained, drawn, strict=True)):
        lines += [
            f"{k},none,none,trained,{a}",
            f"{k},own,all,resampled,{b}",
            f"{k},own,all,not aligned,{control + 0.01 * k}",
            # Of other networks than that of the tutorial.
            f"{k},all,all,resampled,0.9",
            f'{k},own,all,"resampled, new head",0.9',
        ]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def measure(measure_claim, tmp_path):
    return lambda: measure_claim(
        "rainbow.13", results_dir=tmp_path, scale="minutes"
    )


@pytest.mark.parametrize(
    "trained,drawn,spread,holds",
    [
        (0.574, 0.403, SPREAD, True),
        (0.55, 0.43, SPREAD, True),
        # Within six points, but not beyond a doubt.
        (0.52, 0.403, SPREAD, None),
        (0.574, 0.46, SPREAD, None),
        (0.574, 0.29, SPREAD, False),
        (0.67, 0.40, SPREAD, False),
        # Two runs, and networks that spread far, decide nothing.
        (0.58, 0.41, SPREAD[:2], None),
        (0.574, 0.403, 7 * SPREAD, None),
    ],
)
def test_verdict(tmp_path, measure, trained, drawn, spread, holds):
    write(tmp_path, trained + spread, drawn + spread)
    found = measure()
    assert found.holds is holds
    np.testing.assert_allclose(
        found.values["accuracies in %"]["trained"], 100 * (trained + spread)
    )
    assert f"trained {100 * (trained + spread[0]):.4g} " in found.measured
    assert f"runs {len(spread)} of 5 epochs" in found.measured
    # Nor do two runs decide the control.
    assert ("control fails" in found.measured) == (len(spread) < 3)


def test_a_control_that_is_as_good(tmp_path, measure):
    """Where it lies near the published figure the rule tells nothing."""
    write(tmp_path, 0.574 + SPREAD, 0.403 + SPREAD, control=0.38)
    found = measure()
    assert found.holds is None
    assert "control fails: not aligned" in found.measured


def test_results_that_are_not_there_or_not_whole(tmp_path):
    with pytest.raises(NotMeasured, match="rainbow_plaincnn.flags"):
        plain_cnn.measure(None, tmp_path)
    write(tmp_path, [0.57], [0.4], header="run,covariances,layers,way,error")
    with pytest.raises(NotMeasured, match="no whole"):
        plain_cnn.measure(None, tmp_path)

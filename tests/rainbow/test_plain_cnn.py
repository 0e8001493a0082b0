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
    "trained,drawn,holds",
    [
        (0.574, 0.403, True),
        (0.55, 0.43, True),
        # Within six points, but not beyond a doubt.
        (0.52, 0.403, None),
        (0.574, 0.46, None),
        (0.574, 0.29, False),
        (0.67, 0.40, False),
    ],
)
def test_verdict(tmp_path, measure, trained, drawn, holds):
    write(tmp_path, trained + SPREAD, drawn + SPREAD)
    found = measure()
    assert found.holds is holds
    np.testing.assert_allclose(
        found.values["accuracies in %"]["trained"], 100 * (trained + SPREAD)
    )
    assert f"trained {100 * trained - 1:.4g} " in found.measured
    assert "runs 3 of 5 epochs" in found.measured
    assert "control fails" not in found.measured


def test_two_runs_decide_nothing(tmp_path, measure):
    write(tmp_path, [0.57, 0.58], [0.40, 0.41])
    assert measure().holds is None


def test_networks_that_spread_far_decide_nothing(tmp_path, measure):
    write(tmp_path, 0.574 + 7 * SPREAD, 0.403 + 7 * SPREAD)
    assert measure().holds is None


def test_a_control_that_is_as_good(tmp_path, measure):
    """Where it lies near the published figure the rule tells nothing."""
    write(tmp_path, 0.574 + SPREAD, 0.403 + SPREAD, control=0.38)
    found = measure()
    assert found.holds is None
    assert "control fails: not aligned" in found.measured


def test_without_results(tmp_path):
    with pytest.raises(NotMeasured, match="rainbow_plaincnn.flags"):
        plain_cnn.measure(None, tmp_path)


def test_results_that_are_not_whole(tmp_path):
    write(tmp_path, [0.57], [0.4], header="run,covariances,layers,way,error")
    with pytest.raises(NotMeasured, match="no whole"):
        plain_cnn.measure(None, tmp_path)

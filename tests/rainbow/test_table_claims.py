"""rainbow.13, rainbow.17 and rainbow.18 on tables of known figures."""

import numpy as np
import pytest

from dlgn_tf.claims.verdicts import NotMeasured
from dlgn_tf.rainbow.claims import by_width, joint, plain_cnn, tables

SPREAD = np.array([-0.002, 0.0, 0.003])


def write(path, header, lines):
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([header, *lines]) + "\n")


@pytest.fixture
def measure(measure_claim, tmp_path):
    return lambda claim: measure_claim(
        claim, results_dir=tmp_path, scale="minutes"
    )


@pytest.mark.parametrize(
    "claim,made_by",
    [
        (plain_cnn, "rainbow_plaincnn.flags"),
        (joint, "--joint"),
        (by_width, "--parts=widths"),
    ],
)
def test_no_table(tmp_path, claim, made_by):
    with pytest.raises(NotMeasured, match=made_by):
        claim.measure(None, tmp_path)


class TestValues:
    ROWS = (
        {"way": "trained", "accuracy": "0.5"},
        {"way": "drawn", "accuracy": "half"},
        {"way": "white", "accuracy": "inf"},
    )

    def test_of_some_rows(self):
        assert tables.values(self.ROWS, "accuracy", way="trained") == [0.5]

    @pytest.mark.parametrize(
        "of,message",
        [
            ({"way": "drawn"}, "no finite accuracy"),
            ({"way": "white"}, "no finite accuracy"),
            ({"way": "other"}, "no row"),
            # A table of fewer columns than others have.
            ({"layer": "x"}, "no row"),
        ],
    )
    def test_damaged(self, of, message):
        """Not measured, which is another thing than refuted."""
        with pytest.raises(NotMeasured, match=message):
            tables.values(self.ROWS, "accuracy", **of)


class TestPlainCNN:
    # Networks of one distribution, around a mean.
    SPREAD = np.array([-0.01, 0.0, 0.01])
    HEADER = "run,covariances,layers,way,accuracy"

    @staticmethod
    def table(folder, trained, drawn, control=0.1, header=HEADER):
        lines = []
        for k, (a, b) in enumerate(zip(trained, drawn, strict=True)):
            lines += [
                f"{k},none,none,trained,{a}",
                f"{k},own,all,resampled,{b}",
                f"{k},own,all,not aligned,{control + 0.01 * k}",
                # Of other networks than that of the tutorial.
                f"{k},all,all,resampled,0.9",
                f'{k},own,all,"resampled, new head",0.9',
            ]
        write(folder / plain_cnn.FOLDER / "resampling.csv", header, lines)

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
    def test_verdict(self, tmp_path, measure, trained, drawn, spread, holds):
        self.table(tmp_path, trained + spread, drawn + spread)
        found = measure("rainbow.13")
        assert found.holds is holds
        np.testing.assert_allclose(
            found.values["accuracies in %"]["trained"], 100 * (trained + spread)
        )
        assert f"trained {100 * (trained + spread[0]):.4g} " in found.measured
        assert f"runs {len(spread)} of 5 epochs" in found.measured
        # Nor do two runs decide the control.
        assert ("control fails" in found.measured) == (len(spread) < 3)

    def test_a_control_that_is_as_good(self, tmp_path, measure):
        """Where it lies near the published figure the rule tells nothing."""
        self.table(
            tmp_path, 0.574 + self.SPREAD, 0.403 + self.SPREAD, control=0.38
        )
        found = measure("rainbow.13")
        assert found.holds is None
        assert "control fails: not aligned" in found.measured

    def test_without_a_column(self, tmp_path):
        header = self.HEADER.replace("accuracy", "error")
        self.table(tmp_path, [0.57], [0.4], header=header)
        with pytest.raises(NotMeasured, match="no whole"):
            plain_cnn.measure(None, tmp_path)


class TestJoint:
    @staticmethod
    def table(folder, together=0.32, apart=0.14, gaussian=0.15):
        lines = [f"none,none,trained,{0.33 + x}" for x in SPREAD]
        for source in ("own", "all"):
            for way, mean in (
                ('"trained rows, jointly"', together),
                ("trained rows", apart),
                ("drawn jointly", gaussian),
            ):
                lines += [
                    f"{source},both,{way},{mean + x}" for x in SPREAD[::-1]
                ]
            # Of one network alone, which is not what is claimed.
            lines.append(f"{source},gating,trained rows,0.9")
        header = "covariances,layers,way,accuracy"
        write(folder / joint.FOLDER / "resampling.csv", header, lines)

    @pytest.mark.parametrize(
        "figures,holds",
        [
            ({}, True),
            # No better than apart; a twelfth of the images lost.
            ({"apart": 0.3}, None),
            ({"together": 0.25, "apart": 0.01}, False),
            # A control that is as good tells nothing.
            ({"gaussian": 0.32}, None),
        ],
    )
    def test_verdict(self, tmp_path, measure, figures, holds):
        self.table(tmp_path, **figures)
        found = measure("rainbow.17")
        assert found.holds is holds, found.measured


class TestByWidth:
    @staticmethod
    def table(folder, error=0.3, drawn=0.9, white=0.9, unaligned=0.1):
        """Narrow networks err by 0.6, and are drawn at 0.5."""
        means = {}
        for width, share in ((16, 0), (64, 1), (128, 1)):

            def between(narrow, wide, share=share):
                return (1 - share) * narrow + share * wide

            for layer in (by_width.DENSE1, by_width.DENSE2, by_width.LOGITS):
                what = "covariance error of white weights"
                means[width, layer, what] = between(0.9, white)
                for what in (
                    "alignment error",
                    "covariance error of the shape",
                ):
                    means[width, layer, what] = between(0.6, error)
            means[width, "none", '"accuracy, trained"'] = 0.95
            what = '"accuracy, resampled"'
            means[width, "all", what] = between(0.5, drawn)
            what = '"accuracy, not aligned"'
            means[width, "all", what] = between(0.1, unaligned)
        lines = [
            f"{run},{width},{layer},{what},{mean + (1 + width / 999) * x}"
            for (width, layer, what), mean in means.items()
            for run, x in enumerate(SPREAD)
        ]
        header = "run,width,layer,what,value"
        write(folder / by_width.FOLDER / "widths.csv", header, lines)

    @pytest.mark.parametrize(
        "figures,holds",
        [
            ({}, True),
            ({"error": 0.58}, False),
            ({"drawn": 0.6}, False),
            # White weights, or networks that are not aligned, as good as these.
            ({"white": 0.6}, None),
            ({"unaligned": 0.9}, None),
        ],
    )
    def test_verdict(self, tmp_path, measure, figures, holds):
        self.table(tmp_path, **figures)
        found = measure("rainbow.18")
        assert found.holds is holds, found.measured

    def test_two_widths(self, tmp_path):
        lines = [f"a,{width},x,error,1" for width in (16, 32)]
        header = "run,width,layer,what,value"
        write(tmp_path / by_width.FOLDER / "widths.csv", header, lines)
        with pytest.raises(NotMeasured, match="three widths"):
            by_width.measure(None, tmp_path)

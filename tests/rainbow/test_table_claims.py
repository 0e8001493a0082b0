"""rainbow.17 and rainbow.18 on tables of known figures."""

import numpy as np
import pytest

from dlgn_tf.claims.verdicts import NotMeasured
from dlgn_tf.rainbow.claims import by_width, joint

SPREAD = np.array([-0.002, 0.0, 0.003])


def write(path, header, lines):
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([header, *lines]) + "\n")


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
    def test_verdict(self, tmp_path, measure_claim, figures, holds):
        self.table(tmp_path, **figures)
        found = measure_claim(
            "rainbow.17", results_dir=tmp_path, scale="minutes"
        )
        assert found.holds is holds, found.measured

    def test_no_table(self, tmp_path):
        with pytest.raises(NotMeasured, match="--joint"):
            joint.measure(None, tmp_path)


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
    def test_verdict(self, tmp_path, measure_claim, figures, holds):
        self.table(tmp_path, **figures)
        found = measure_claim(
            "rainbow.18", results_dir=tmp_path, scale="minutes"
        )
        assert found.holds is holds, found.measured

    def test_two_widths(self, tmp_path):
        lines = [f"a,{width},x,error,1" for width in (16, 32)]
        header = "run,width,layer,what,value"
        write(tmp_path / by_width.FOLDER / "widths.csv", header, lines)
        with pytest.raises(NotMeasured, match="three widths"):
            by_width.measure(None, tmp_path)

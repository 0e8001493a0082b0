"""The conditions that claims put on their figures, as text and as tests.

A condition is one of

    < 0.2    <= 1e-5    > 0.85    >= 4    == 27    in [-1.8, -0.6]
    is true    is false    falls    rises
    mean > 0.2    mean < 0.1    mean in [-6, 6]    ratio > 0.835

A star behind it marks a threshold that was chosen on pilots. The first line is
for numbers, each of a figure's. A figure falls if each of its numbers is below
the one before. What is not a number meets no condition, nor does an empty
figure.

`mean` is for a sample of runs, or two samples as `contrasts.Pair`, whose means'
difference is compared; `ratio` for two samples: the first mean over the second.
They are judged by the t tests of `dlgn_tf.claims.contrasts`.
"""

import dataclasses
import operator
import re

import numpy as np

from dlgn_tf.claims import contrasts

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_GRAMMAR = re.compile(
    rf"""(?:(?P<statistic>mean|ratio)\ )?
    (?: (?P<relation><=|>=|==|<|>)\ (?P<bound>{_NUMBER})
      | in\ \[(?P<least>{_NUMBER}),\ (?P<most>{_NUMBER})\]
      | (?P<word>is\ true|is\ false|falls|rises) )
    (?:\ \*)?""",
    re.VERBOSE,
)
_RELATIONS = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
_WORDS = {
    "is true": lambda values: values == 1,
    "is false": lambda values: values == 0,
    "falls": lambda values: np.diff(values) < 0,
    "rises": lambda values: np.diff(values) > 0,
}


@dataclasses.dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        text: As above.
        bounds: Pairs of a relation, such as `"<="`, and a float; all must be
            met.
        statistic: `"mean"`, `"ratio"` or None.
        word: `"falls"` and the like, or None.
    """

    text: str
    bounds: tuple[tuple[str, float], ...]
    statistic: str | None
    word: str | None

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Reads a condition; a `ValueError` if it is none."""
        found = _GRAMMAR.fullmatch(text)
        statistic = found and found["statistic"]
        bounds = ()
        if found and found["relation"]:
            bounds = ((found["relation"], float(found["bound"])),)
        elif found and found["least"]:
            ends = float(found["least"]), float(found["most"])
            bounds = tuple(zip((">=", "<="), ends, strict=True))
            found = found if ends[0] <= ends[1] else None
        strict = all(relation in "<>" for relation, _ in bounds)
        in_means = found and (found["least"] or (bounds and strict))
        if not found or (statistic and not in_means):
            raise ValueError(
                "Expected a condition such as '<= 1e-5', 'in [0, 1]', 'falls' "
                f"or 'mean > 0.2'. Received: {text!r}"
            )
        return cls(text, bounds, statistic, found["word"])

    def __str__(self):
        return self.text

    @property
    def is_of_order(self) -> bool:
        """Whether it is one on the numbers of a sequence in their order."""
        return self.word in ("falls", "rises")

    def is_met(self, values) -> bool:
        """Whether numbers meet it, all of them, if it has no statistic."""
        values = np.asarray(values)
        if self.word:
            met = _WORDS[self.word](values)
        else:
            met = np.all(
                [_RELATIONS[name](values, x) for name, x in self.bounds], axis=0
            )
        return bool(met.size and np.all(met))

    def comparisons(self, label: str, sample) -> list[contrasts.Comparison]:
        """What it says of the mean of runs, floats or a `contrasts.Pair`."""
        return [
            self._comparison(label, relation, bound, sample)
            for relation, bound in self.bounds
        ]

    def _comparison(self, label, relation, bound, sample):
        label = f"{label} {relation} {bound:g}:"
        above = relation[0] == ">"
        if not isinstance(sample, contrasts.Pair):
            ends = (sample, bound) if above else (bound, sample)
            return contrasts.above(label, *ends)
        if self.statistic == "mean":
            if above:
                return contrasts.above(label, *sample, margin=bound)
            return contrasts.above(label, sample.low, sample.high, -bound)
        if above:
            return contrasts.above(label, *sample, share=bound)
        # bound * low > high, in the units of low.
        return contrasts.above(label, sample.low, sample.high, share=1 / bound)

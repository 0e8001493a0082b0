"""A row of the table: two sides and the seconds that they took."""

import dataclasses
import statistics


@dataclasses.dataclass
class Comparison:
    """Seconds of both sides for the same work, round by round.

    Attributes:
        ours: String, the first side.
        other: String, the second side.
        unit: String, what is done how often a second.
        amount: Number, how much of it a round is.
        seconds: List of pairs.
        note: String, stands below the table.
        peaks: GiB that each side held at most, in a process of its own, or
            None: they are in one.
        shares: Rates of floating-point operations in convolutions and dense
            layers, beside that of a matrix product, or None.
    """

    ours: str
    other: str
    unit: str
    amount: float
    seconds: list
    note: str = ""
    peaks: tuple | None = None
    shares: tuple | None = None

    def row(self):
        ratios = sorted(other / ours for ours, other in self.seconds)
        medians = map(statistics.median, zip(*self.seconds, strict=True))
        rates = [self.amount / seconds for seconds in medians]
        row = {
            "ours": self.ours,
            "other": self.other,
            "unit": self.unit,
            "ours_median": rates[0],
            "other_median": rates[1],
            "ratio_min": ratios[0],
            "ratio_median": statistics.median(ratios),
            "ratio_max": ratios[-1],
            "rounds": len(ratios),
            "note": self.note,
            "share_of_product": self.shares and [*self.shares],
        }
        return row | ({"peak_gib": [*self.peaks]} if self.peaks else {})


@dataclasses.dataclass
class LeftOut:
    """A side that could not start, and what it said."""

    name: str
    reason: str

    def __str__(self):
        return f"{self.name} is left out: {self.reason}"


def markdown(rows, where, left_out=()):
    names = dict.fromkeys(row["benchmark"] for row in rows)
    lines = [
        f"# Speed beside named alternatives: {', '.join(names)}",
        "",
        "Ratio: speed of the first over speed of the second, by turns, in one "
        "process or, where peak memory is that of each, in processes of their "
        "own. Share: operations of convolutions and dense layers in a second, "
        "beside a float32 matrix product by the same turns.",
        "",
        ", ".join(f"{key} {value}" for key, value in where.items()),
        "",
        "| benchmark | ours | against | ours | against | unit "
        "| ratio min / median / max | rounds | peak memory | share |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['benchmark']} | {row['ours']} | {row['other']} "
            f"| {row['ours_median']:.4g} | {row['other_median']:.4g} "
            f"| {row['unit']} | {row['ratio_min']:.2f} / "
            f"{row['ratio_median']:.2f} / {row['ratio_max']:.2f} "
            f"| {row['rounds']} | {_joined(row['peak_gib'], '.2f')} GiB "
            f"| {_joined(row['share_of_product'], '.0%')} |"
        )
    lines += [f"\n{each}" for each in left_out]
    # Comparisons of one thing with several say the same of it.
    notes = dict.fromkeys(
        f"{row['ours']}: {row['note']}" for row in rows if row["note"]
    )
    return "\n".join([*lines, *(f"\n{note}" for note in notes)]) + "\n"


def _joined(numbers, form):
    """One number, or each of several, or nothing."""
    several = numbers if isinstance(numbers, list) else [numbers]
    return " / ".join(format(x, form) for x in several if x is not None)

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
    """

    ours: str
    other: str
    unit: str
    amount: float
    seconds: list
    note: str = ""

    def row(self):
        ratios = sorted(other / ours for ours, other in self.seconds)
        medians = map(statistics.median, zip(*self.seconds, strict=True))
        rates = [self.amount / seconds for seconds in medians]
        return {
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
        }


def markdown(rows, where):
    names = dict.fromkeys(row["benchmark"] for row in rows)
    lines = [
        f"# Speed beside named alternatives: {', '.join(names)}",
        "",
        "Ratio: speed of the first over speed of the second, by turns in one "
        "process (startup and first_step: in processes of their own). Peak "
        "memory: of the process that holds both.",
        "",
        ", ".join(f"{key} {value}" for key, value in where.items()),
        "",
        "| benchmark | ours | against | ours | against | unit "
        "| ratio min / median / max | rounds | peak memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['benchmark']} | {row['ours']} | {row['other']} "
            f"| {row['ours_median']:.4g} | {row['other_median']:.4g} "
            f"| {row['unit']} | {row['ratio_min']:.2f} / "
            f"{row['ratio_median']:.2f} / {row['ratio_max']:.2f} "
            f"| {row['rounds']} | {row['peak_gib']:.2f} GiB |"
        )
    # Comparisons of one thing with several say the same of it.
    notes = dict.fromkeys(
        f"{row['ours']}: {row['note']}" for row in rows if row["note"]
    )
    return "\n".join([*lines, *(f"\n{note}" for note in notes)]) + "\n"

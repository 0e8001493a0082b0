"""Sides of a comparison in processes of their own, which take turns."""

import contextlib
import dataclasses
import math
import statistics

from benchmarks.processes import Absent, Worker
from benchmarks.rows import Comparison, LeftOut
from benchmarks.turns import rounds_of


@dataclasses.dataclass(frozen=True)
class Side:
    """One way to do the work.

    What comes of a turn of its worker is a dict: `amount`, how much of the unit
    a turn does; perhaps `operations` of a unit, `same`, a dict of numbers in
    which all sides that have them must agree, and of the first side a `note`.

    Attributes:
        name: String, as the table has it.
        module: String, see `Worker`, as the rest.
        words: Tuple.
        python: Path or None.
        environment: Dict.
    """

    name: str
    module: str
    words: tuple = ()
    python: str | None = None
    environment: dict = dataclasses.field(default_factory=dict)

    def start(self):
        return Worker(self.python, self.module, *self.words, **self.environment)


@dataclasses.dataclass
class Measured:
    """Seconds of a unit, round by round; the first answer; GiB at most."""

    seconds: list
    first: dict
    peak_gib: float


# Floating-point operations in a second: what the machine can reach.
PRODUCT = Side("float32 matrix product", "product", (2000, 4))


def measured(sides, rounds):
    """What sides did by turns, and who was left out.

    Returns:
        Dict from the name of each side that could start to `Measured`, and a
        list of `LeftOut`.
    """
    with contextlib.ExitStack() as stack:
        workers, left_out = {}, []
        for side in sides:
            try:
                worker = side.start()
            except Absent as absent:
                left_out.append(LeftOut(side.name, str(absent)))
                continue
            workers[side.name] = stack.enter_context(worker)
        # They have warmed up: each has done a turn.
        seconds = zip(*rounds_of(rounds, *workers.values()), strict=True)
        return {
            name: Measured(
                [each / worker.first["amount"] for each in of_side],
                worker.first,
                worker.peak_gib(),
            )
            for (name, worker), of_side in zip(
                workers.items(), seconds, strict=True
            )
        }, left_out


def compared(sides, rounds, unit, with_roof=False):
    """Rows of the first side beside each of the others, and who is left out.

    Args:
        with_roof: Boolean. Whether rates are put beside `PRODUCT`.

    Raises:
        ValueError: if the sides do not do the same.
    """
    ours, *_ = sides
    roof = [PRODUCT] if with_roof else []
    found, left_out = measured([*sides, *roof], rounds)
    if left_out and left_out[0].name == ours.name:
        raise RuntimeError(f"{ours.name}: {left_out[0].reason}")
    yield from left_out
    product = found.pop(PRODUCT.name, None)
    yield from rows(found, unit, product)


def rows(found, unit, product=None):
    """Rows of the first of a dict as `measured` has it beside each other one.

    Args:
        product: `Measured` of `PRODUCT`, or None.
    """
    (name, own), *others = found.items()
    for other_name, other in others:
        _check_same(name, own.first, other_name, other.first)
        yield Comparison(
            name,
            other_name,
            unit,
            1,
            list(zip(own.seconds, other.seconds, strict=True)),
            own.first.get("note", ""),
            peaks=(own.peak_gib, other.peak_gib),
            shares=product and _shares(product, own, other),
        )


def _shares(product, own, other):
    """Rates of both beside that of a product; operations are those of ours."""
    of_one = own.first["operations"] * statistics.median(product.seconds)
    return tuple(of_one / statistics.median(x.seconds) for x in (own, other))


def _check_same(name, own, other_name, other):
    for key, value in other.get("same", {}).items():
        if not math.isclose(value, own["same"][key], rel_tol=1e-3):
            raise ValueError(
                f"Expected the same {key} on both sides. Received: "
                f"{own['same'][key]} of {name}, {value} of {other_name}"
            )

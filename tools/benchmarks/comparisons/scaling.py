"""Cost of a step against images, width, depth and replicas, and a model of it.

A replica is a core here. Each side is in a process of its own; two workers are
two processes on this machine.
"""

import dataclasses
import json
import os
import socket
import statistics

from benchmarks import scaling_laws
from benchmarks.processes import Together
from benchmarks.rows import LeftOut
from benchmarks.sides import Side, measured, rows

NAME = "c4gap_dlgn"
# The first is in all series.
BASE = {"images": 128, "width": 32, "depth": 4}
SERIES = {"images": (32, 64, 256), "width": (16, 64), "depth": (2, 8)}
# How many times as fast as here what replicas divide may be.
_FASTER = 1, 10, 100


def compare(options):
    yield from _sizes(options)
    yield from _replicas(options)


def _sizes(options):
    settings = [BASE]
    settings += [{**BASE, k: n} for k, more in SERIES.items() for n in more]
    sides = [_side("single", "", each, options) for each in settings]
    found, left_out = measured(sides, options.rounds)
    yield from left_out
    steps = [
        statistics.median(found[side.name].seconds) * each["images"]
        for side, each in zip(sides, settings, strict=True)
    ]
    note = _law(settings, steps)
    for row in rows(found, "images/s"):
        row.note = note
        yield row


def _law(settings, steps):
    powers, off = scaling_laws.exponents(settings, steps)
    shown = ", ".join(f"{k}^{power:.2f}" for k, power in powers.items())
    of_images = [
        (each["images"], seconds)
        for each, seconds in zip(settings, steps, strict=True)
        if {**each, "images": 0} == {**BASE, "images": 0}
    ]
    constant, slope = scaling_laws.constant_and_slope(
        *zip(*of_images, strict=True)
    )
    return (
        f"least squares on logarithms: a step takes as long as {shown}, "
        f"at most {off:.2f} times off; against images alone {constant:.3g} s "
        f"and {slope:.3g} s an image"
    )


def _replicas(options):
    available = sorted(os.sched_getaffinity(0))[:2]
    if len(available) < 2:
        yield LeftOut("two replicas", "there is one core")
        return
    cores = [*map(str, available)]
    one = _side("single", cores[0], BASE, options)
    one = dataclasses.replace(one, name="one replica, one core")
    mirrored = _side("mirrored", ",".join(cores), BASE, options)
    sides = [
        dataclasses.replace(mirrored, name="two logical CPUs, two cores"),
        TwoWorkers("two workers, a core each", cores, options),
        one,
    ]
    found, left_out = measured(sides, options.rounds)
    yield from left_out
    single = found.pop(one.name)
    made = []
    for name, own in found.items():
        made += rows({name: own, one.name: single}, "images/s")
    if len(made) == 2:
        speedups = [x.row()["ratio_median"] for x in made]
        made[-1].note = _prediction(*speedups)
    yield from made


def _prediction(within, between):
    """What eight GPUs, two in each of four machines, would give."""
    shares = [scaling_laws.serial_share(x, 2) for x in (within, between)]
    eight = ", ".join(
        f"{scaling_laws.speedup(shares[0], 2, faster) * across:.2f}"
        for faster in _FASTER
        for across in [scaling_laws.speedup(shares[1], 4, faster)]
    )
    limit = 1 / shares[1] if shares[1] else float("inf")
    return (
        f"by Amdahl's law two replicas leave {shares[0]:.1%} of a step "
        f"undivided within a machine and {shares[1]:.1%} between machines, "
        f"however many of which are at most {limit:.3g} times one. Two "
        f"GPUs in each of four machines would be {eight} times one GPU that "
        f"is {', '.join(map(str, _FASTER))} times as fast as a core is here, "
        "if all else, the network between machines too, took as long as here. "
        "No GPU was measured"
    )


def _side(kind, cores, setting, options, **environment):
    images, *_ = setting.values()
    model_options = {k: n for k, n in setting.items() if k != "images"}
    shown = ", ".join(f"{k} {n}" for k, n in setting.items())
    words = kind, cores, NAME, images, options.steps, json.dumps(model_options)
    name = f"{NAME}, {shown}"
    return Side(name, "replicas", words, None, environment)


class TwoWorkers:
    """A side of two processes, each with a core, which train one model."""

    def __init__(self, name, cores, options):
        addresses = [f"localhost:{port}" for port in _free_ports(len(cores))]
        self.name, self._sides = name, []
        for index, core in enumerate(cores):
            cluster = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
            config = {"TF_CONFIG": json.dumps(cluster)}
            side = _side("multi_worker", core, BASE, options, **config)
            self._sides.append(side)

    def start(self):
        return Together([side.start for side in self._sides])


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()

"""Measures speed against named alternatives, by turns.

  python tools/benchmark.py --only=pipeline,step --rounds=5 --output_dir=DIR

Each comparison runs both sides in every round and reports the ratio of their
speeds (above 1: ours is faster) as minimum, median and maximum over the rounds.
Results go to DIR/benchmark.md and DIR/benchmark.json.
"""

import dataclasses
import importlib
import json
import pathlib
import pkgutil
import sys

from benchmarks import comparisons, machine, processes, rows

from dlgn_tf.command import cli, fields
from dlgn_tf.command.fields import flag

# What a Python that a flag names is to have.
_PEERS = {
    "torch_python": "torch",
    "neural_tangents_python": "neural_tangents",
}
NAMES = tuple(x.name for x in pkgutil.iter_modules(comparisons.__path__))


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    only: tuple[str, ...] | None = flag(
        None,
        f"Comma-separated, of {', '.join(NAMES)}. Default: all.",
        choices=NAMES,
    )
    rounds: int = flag(5, "Rounds of each.", least=1)
    batch_size: int = flag(128, "Images a step.", least=1)
    steps: int = flag(10, "Training steps a round.", least=1)
    data_dir: str | None = flag(
        None,
        "Prepared TFDS data sets: real CIFAR-10 for the kernels.",
        path=True,
    )
    torch_python: str | None = flag(
        None,
        "A Python that has PyTorch, to measure beside it. Default: this one, "
        "if it has it.",
        path=True,
    )
    neural_tangents_python: str | None = flag(
        None,
        "A Python that has neural-tangents, which needs an older JAX. Default: "
        "this one, if it has it.",
        path=True,
    )
    output_dir: str | None = flag(
        None, "Folder for the table and the JSON.", path=True
    )


def run(options):
    _check(options)
    where, found, left_out = machine.described(), [], []
    for name in options.only or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        machine.forget_peak()
        compare = importlib.import_module(f"benchmarks.comparisons.{name}")
        made = list(compare.compare(options))
        left_out += [x for x in made if isinstance(x, rows.LeftOut)]
        of_all = {"benchmark": name, "peak_gib": machine.peak_gib()}
        for comparison in made:
            if comparison not in left_out:
                found.append({**of_all, **comparison.row()})
    table = rows.markdown(found, where, left_out)
    print(table)
    if options.output_dir:
        _write(pathlib.Path(options.output_dir), table, where, found)


def _check(options):
    from dlgn_tf.data import catalog

    if options.data_dir:
        catalog.check_available("cifar10", options.data_dir)
    for name, module in _PEERS.items():
        python = getattr(options, name)
        if python and not processes.imports(python, module):
            fields.refuse(name, f"a Python that imports {module}", python)


def _write(folder, table, where, found):
    from dlgn_tf.output import origin

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.md").write_text(table)
    (folder / "benchmark.json").write_text(
        json.dumps({"machine": where, "rows": found}, indent=1)
    )
    origin.note_command(folder)


if __name__ == "__main__":
    cli.run(run, "tools/benchmark.py", __doc__, Command)

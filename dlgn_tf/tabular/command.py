"""What `python -m dlgn_tf.tabular` is asked for. Imports nothing heavy."""

import dataclasses
import os

from dlgn_tf.command import common_flags, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.data import own
from dlgn_tf.data.reading import Reading
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin
from dlgn_tf.tabular.sources import OF_SCIKIT_LEARN, TASKS

USAGE = """\
A DLGN on a table or on labels of an oblique tree: how it does beside other
learners, its half-spaces, and the tree that it computes.

  python -m dlgn_tf.tabular --data=breast_cancer --output_dir=DIR
  python -m dlgn_tf.tabular --data=FILE.csv --label=COLUMN --output_dir=DIR
  python -m dlgn_tf.tabular --data=sdi --family=dlgn --output_dir=DIR

--data is a CSV or Parquet file; a table of scikit-learn, breast_cancer, wine,
iris, digits or diabetes; or sdi, sdii or sdiii, labels of an oblique tree, with
the published networks. --output_dir takes
  report.html       a page of all that follows
  comparison.csv    accuracy (of a regression R^2) beside linear model, RBF SVM,
                    CART, random forest, gradient boosting and MLP, all chosen
                    on small grids by rows that they do not learn from
  tree.txt, .dot    the tree that the network computes: rules, Graphviz
  tree.png          the same as a picture, of at most 40 leaves
  regions.csv       its regions with local linear models
  half_spaces.csv   its half-spaces
  attraction.csv    of a known tree, how near its hyperplanes came, by epoch"""

FAMILIES = ("dlgn", "dlgn_sf", "dlgn_vt", "npk")
_PUBLISHED = ("dlgn", "dlgn_sf")


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    data: str | None = flag(
        None,
        "A CSV or Parquet file, or one of "
        f"{', '.join((*OF_SCIKIT_LEARN, *TASKS))}.",
        path=True,
        required="FILE|NAME",
    )
    output_dir: str | None = common_flags.output_dir()
    family: str = flag("dlgn", "Family of the network.", choices=FAMILIES)
    label: str | None = flag(None, "Column of a file that is predicted.")
    regression: bool = flag(
        False, "The column holds numbers; the squared error is minimised."
    )
    missing: str = flag(
        "refuse",
        "Rows of a file that have gaps: refuse them, drop them, or fill in the "
        "mean of the column.",
        choices=("refuse", "drop", "fill"),
    )
    epochs: int | None = flag(
        None,
        "Passes over the training rows. Default: 1,500 of a known tree, as "
        "published, 100 of a table (assumed).",
        least=1,
    )
    folds: int = flag(
        5, "Of the cross-validation of a table (assumed).", least=2
    )
    comparison: bool = flag(True, "Whether other learners are fitted too.")
    seed: int = common_flags.seed(
        "All random numbers follow from it.", most=2**31 - 1
    )


def run(command):
    """Measures what a `Command` asks for."""
    if command.data in TASKS:
        command.check_absent(
            ["label", "regression", "missing", "folds"],
            f"with --data={command.data}",
        )
        if command.family not in _PUBLISHED:
            raise UserError(
                f"Expected --family={' or '.join(_PUBLISHED)} with --data="
                f"{command.data}, which were published. Received: "
                f"--family={command.family}"
            )
    elif command.data in OF_SCIKIT_LEARN:
        command.check_absent(
            ["label", "regression", "missing"], f"with --data={command.data}"
        )
    else:
        if not os.path.exists(command.data):
            names = (*OF_SCIKIT_LEARN, *TASKS)
            raise UserError(
                f"Expected --data to be a file or one of {', '.join(names)}. "
                f"Received: {command.data}, which does not exist"
            )
        _file(command).check()
        if not command.label:
            raise UserError(
                "Expected --label=COLUMN with a file, the column that is "
                "predicted. Received: none"
            )
    files.check_writable(command.output_dir, "output_dir")

    startup.import_keras(("tensorflow",))
    startup.hide_retracing()
    from dlgn_tf.tabular import report

    report.write(command)
    origin.note_command(command.output_dir)
    return command.output_dir


def _file(command):
    how = Reading(label=command.label, missing=command.missing)
    return own.OwnData("table", command.data, how=how)

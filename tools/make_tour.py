"""Makes examples/tour.ipynb: the scripts of examples/ as one notebook, run.

  python tools/make_tour.py
  python tools/make_tour.py --output=/tmp/tour.ipynb

A script's docstring becomes text, what follows a cell of code. Pictures that it
saves are shown too. The notebook is run from top to bottom in an empty folder
(some minutes) and kept with its outputs.
"""

import ast
import pathlib
import re
import tempfile

import nbformat
from absl import flags
from nbclient import NotebookClient

from dlgn_tf import cli

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
STEPS = (
    "train_a_dlgn",
    "read_its_gates",
    "compute_its_kernel",
    "test_a_theorem",
    "make_filters_orthogonal",
    "resample_it",
)
_TITLE = """# A tour of dlgn_tf

The steps of `examples/`, one after the other: some minutes on two CPU cores."""
_SECONDS = 900


def notebook():
    """The notebook, not yet run.

    Returns:
        `nbformat.NotebookNode`.
    """
    cells = [
        nbformat.v4.new_markdown_cell(_TITLE),
        nbformat.v4.new_code_cell("%matplotlib inline"),
    ]
    for step in STEPS:
        text, code = parts((EXAMPLES / f"{step}.py").read_text())
        cells.append(nbformat.v4.new_markdown_cell(text))
        cells.append(nbformat.v4.new_code_cell(code))
    # The same every time: ids are random by default.
    for number, cell in enumerate(cells):
        cell["id"] = f"cell{number}"
    kernel = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel}
    )


def parts(script):
    """A script as the Markdown of its docstring and the code behind it."""
    title, _, body = ast.get_docstring(ast.parse(script)).partition("\n")
    code = script.split('"""', 2)[2].strip()
    saved = re.findall(r"^([\w.]+)\.savefig\(", code, re.MULTILINE)
    if saved:
        code = f"{code}\n{saved[-1]}"
    return f"## {title.rstrip('.')}\n\n{body.strip()}", code


def run(made, folder):
    """Runs a notebook in a folder and keeps what it prints and draws.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    NotebookClient(
        made,
        timeout=_SECONDS,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    ).execute()
    for cell in made.cells:
        if cell.cell_type == "code":
            # What libraries say at their start is nobody's result.
            cell.outputs = [
                x for x in cell.outputs if x.get("name") != "stderr"
            ]
    made.metadata.pop("language_info", None)


def define_flags():
    flags.DEFINE_string(
        "output", str(EXAMPLES / "tour.ipynb"), "Where it is written."
    )


def main():
    made = notebook()
    with tempfile.TemporaryDirectory() as folder:
        run(made, folder)
    nbformat.write(made, flags.FLAGS.output)
    print(f"{flags.FLAGS.output} is written")


if __name__ == "__main__":
    define_flags()
    cli.run(main, "tools/make_tour.py", __doc__)

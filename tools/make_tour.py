"""Makes a notebook of examples/: scripts of that folder as one notebook, run.

  python tools/make_tour.py
  python tools/make_tour.py --notebook=your_own_network
  python tools/make_tour.py --output=/tmp/tour.ipynb

A script's docstring becomes text, what follows a cell of code. Pictures that it
saves are shown too. The notebook is run from top to bottom in an empty folder
(about a minute) by the interpreter that runs this, and kept with its outputs.
"""

import ast
import base64
import dataclasses
import io
import pathlib
import re
import tempfile

import nbformat
from ipykernel.kernelspec import make_ipkernel_cmd
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from PIL import Image

from dlgn_tf.command import cli, fields
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import files

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
STEPS = {
    "tour": (
        "train_a_dlgn",
        "read_its_gates",
        "compute_its_kernel",
        "test_a_theorem",
        "make_filters_orthogonal",
        "resample_it",
    ),
    "your_own_network": (
        "train_your_network",
        "convert_your_network",
        "compare_your_network",
    ),
    "one_decision": ("explain_a_decision",),
}
_TITLES = {
    "tour": """# A tour of dlgn_tf

A deep gated network, trained, opened up and compared with the theory: six steps
on scikit-learn's digits, about a minute on two CPU cores. Each step is a script
of this folder too, and reads the run that the first one leaves in `runs/tour`:

{scripts}

The networks are small and so are the experiments: they show how it is done.
What was measured with care, with seeds and settings, is in
[results](../results).""",
    "your_own_network": """# Your own network

A Keras network that dlgn_tf has not seen before, trained by plain Keras, turned
into gated networks and opened up: three steps on scikit-learn's digits, less
than a minute on two CPU cores. Each step is a script of this folder too:

{scripts}""",
    "one_decision": """# One decision, opened

What a trained network sees in one picture, exactly; half a minute on two CPU
cores. It is a script of this folder too:

{scripts}""",
}
_SECONDS = 900
_COLOURS = 256


def notebook(name="tour"):
    """A notebook, not yet run.

    Args:
        name: Key of `STEPS`.

    Returns:
        `nbformat.NotebookNode`.
    """
    scripts = "\n".join(
        f"{number}. [{step}.py]({step}.py)"
        for number, step in enumerate(STEPS[name], 1)
    )
    cells = [
        nbformat.v4.new_markdown_cell(_TITLES[name].format(scripts=scripts)),
        nbformat.v4.new_code_cell("%matplotlib inline"),
    ]
    first = STEPS[name][0]
    for number, step in enumerate(STEPS[name], 1):
        script = (EXAMPLES / f"{step}.py").read_text()
        text, code = parts(script, number, first)
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
        cells=cells,
        metadata={
            "kernelspec": kernel,
            "language_info": {"name": "python"},
        },
    )


def parts(script, number, first):
    """A script as the Markdown of its docstring and the code behind it.

    What it imports of the first script is there when its cell runs.
    """
    title, _, body = ast.get_docstring(ast.parse(script)).partition("\n")
    code = script.split('"""', 2)[2]
    # Alone between blank lines, or in a group of imports.
    code = re.sub(rf"\n\nfrom {first} import .*\n\n", "\n\n", code)
    code = re.sub(rf"\nfrom {first} import .*\n", "\n", code).strip()
    saved = re.findall(r"^([\w.]+)\.savefig\(", code, re.MULTILINE)
    if saved:
        code = f"{code}\n{saved[-1]}"
    return f"## {number}. {title.rstrip('.')}\n\n{body.strip()}", code


class _ThisInterpreter(KernelSpecManager):
    """Knows one kernel: the interpreter that runs this, whatever else is there.

    Jupyter would look for kernels in the user's folders first.
    """

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(
            argv=make_ipkernel_cmd(), display_name="Python 3", language="python"
        )


def run(made, folder):
    """Runs a notebook in a folder and keeps what it prints and draws.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    metadata = dict(made.metadata)
    NotebookClient(
        made,
        km=AsyncKernelManager(kernel_spec_manager=_ThisInterpreter()),
        timeout=_SECONDS,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
    ).execute()
    # Without what the kernel adds of its machine.
    made.metadata = nbformat.from_dict(metadata)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = [x for x in map(_kept, cell.outputs) if x]


def _kept(output):
    """An output as it is kept, or None: what is printed, and pictures.

    What libraries say at their start is nobody's result, and a value that is
    no picture may name the interpreter's path.
    """
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if "image/png" not in output.data:
        return None
    output.data["image/png"] = _smaller(output.data["image/png"])
    return output


def _smaller(encoded):
    """A PNG in base64 with few colours: a third of the size, looks the same."""
    picture = Image.open(io.BytesIO(base64.b64decode(encoded)))
    small = io.BytesIO()
    few = picture.convert("RGB").quantize(_COLOURS, Image.Quantize.MAXCOVERAGE)
    few.save(small, "png", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    notebook: str = flag("tour", "Which one is made.", choices=STEPS)
    output: str | None = flag(
        None,
        "Where it is written. Default: its name in examples/.",
        path=True,
    )


def main(command):
    path = pathlib.Path(
        command.output or EXAMPLES / f"{command.notebook}.ipynb"
    )
    if path.is_dir():
        raise UserError(
            f"Expected --output to be a file. Received: {path}, a folder"
        )
    files.check_writable(path.parent, "output")
    made = notebook(command.notebook)
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(made, folder)
        except DeadKernelError as error:
            # Its client ends the kernel on Ctrl-C.
            raise UserError(
                "Expected the notebook to run to its end. Received: an "
                f"interruption, {error}"
            ) from error
    with files.write_errors(path):
        files.write_atomically(path, nbformat.writes(made) + "\n")
    print(f"{path} is written")


if __name__ == "__main__":
    cli.run(main, "tools/make_tour.py", __doc__, Command)

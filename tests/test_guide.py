"""What GUIDE shows in Python runs as it stands."""

import pathlib
import re

import pytest

GUIDE = pathlib.Path(__file__).parents[1] / "GUIDE.md"
# They name what a reader has: a folder, trained models.
OF_THE_READER = ("DIR", "models[0]")


def snippets():
    found = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [s for s in found if not any(x in s for x in OF_THE_READER)]


@pytest.mark.parametrize("code", snippets())
def test_snippet(code, capsys):
    # Fewer images than a reader would take.
    assert len(snippets()) >= 4
    exec(code.replace("(20, 32, 32, 3)", "(3, 32, 32, 3)"), {})

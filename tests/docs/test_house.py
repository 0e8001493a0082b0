"""The picture of the house, against the imports as other tests find them."""

import pathlib
import re

import pytest

pytest.importorskip("sphinx", reason="needs dlgn_tf[docs]")
ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def house(module_of):
    return module_of(ROOT / "docs" / "_extensions" / "house.py")


@pytest.fixture(scope="module")
def others(module_of):
    return module_of(ROOT / "tests" / "test_imports.py")


def test_a_dot_for_each_import_between_rooms(house, others):
    trees = {
        others.module_name(path): others.ast.parse(path.read_text())
        for path in others.ROOT.rglob("*.py")
    }
    expected = {
        (others.level(module), others.level(other))
        for module, tree in trees.items()
        for other in others.imported(tree, trees)
    }
    expected = {(row, column) for row, column in expected if row != column}
    dots = re.findall(r'<circle cx="(.*?)" cy="(.*?)"', house.drawn())
    top = len(others.LEVELS) - 1
    middle = house.LABEL + house.STEP / 2
    found = {
        tuple(top - round((float(x) - middle) / house.STEP) for x in dot[::-1])
        for dot in dots
    }
    assert len(dots) == len(found) > 100
    assert found == expected
    # To the right of the diagonal.
    assert all(float(x) > float(y) for x, y in dots)


def test_each_room_says_what_it_is_for(house):
    for name in house.HOUSE["rooms"]:
        assert re.fullmatch(r"[A-Z].{15,160}\.", house.purpose(name)), name

"""How the package is built: what may import what, and how long things are."""

import ast
import collections
import graphlib
import pathlib
import tomllib

import pytest

import dlgn_tf

ROOT = pathlib.Path(dlgn_tf.__file__).parent
HOUSE = tomllib.loads(
    (pathlib.Path(__file__).parents[1] / "docs" / "house.toml").read_text()
)
LEVELS, ENTRY_POINTS = HOUSE["rooms"], HOUSE["entry_points"]
MOST_OTHERS_AT_THE_ROOT = 6
MOST_LINES, MOST_LINES_OF_CODE = 400, 60


def module_name(path):
    """Dotted name below dlgn_tf; that of dlgn_tf itself is empty."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.fixture(scope="module")
def trees():
    """Dict from a module's name to what it says, parsed."""
    return {
        module_name(path): ast.parse(path.read_text())
        for path in sorted(ROOT.rglob("*.py"))
    }


def imported(tree, modules):
    """Names of the modules of the package that a module imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            of_module = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [
                name if name.partition(".")[2] in modules else node.module
                for name in of_module
            ]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "dlgn_tf":
                yield rest


def level(module):
    if module in ENTRY_POINTS or module.split(".")[-1] == "__main__":
        return len(LEVELS) - 1
    names = module.split(".")
    for count in range(len(names), 0, -1):
        if ".".join(names[:count]) in LEVELS:
            return LEVELS.index(".".join(names[:count]))
    assert module == "", f"{module} has no place in LEVELS"
    return LEVELS.index("")


def upward(imports):
    """`importer -> imported` of all imports that lead upwards, sorted."""
    return sorted(
        f"{module} -> {other}"
        for module, others in imports.items()
        for other in others
        if level(other) > level(module)
    )


@pytest.fixture(scope="module")
def imports(trees):
    return {name: set(imported(tree, trees)) for name, tree in trees.items()}


def test_no_import_leads_upwards(imports):
    assert sum(map(len, imports.values())) > 1000
    assert upward(imports) == []


def test_no_module_imports_an_entry_point(imports):
    """They are commands; what else they hold is nobody's to use."""
    commands = {
        module for module in imports if level(module) == len(LEVELS) - 1
    }
    users = {m: o & commands for m, o in imports.items() if o & commands}
    assert users == {}


def test_no_circle(imports):
    graph = {
        # A package's `__init__` names its modules for those who look there.
        module: {x for x in others if x != module}
        for module, others in imports.items()
    }
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_upward_imports_and_circles_are_found():
    """What the tests above would say of a module that breaks the order."""
    tree = ast.parse(
        "def load():\n    from dlgn_tf.training import loop\n"
        "    import dlgn_tf.dual.kernels\n"
    )
    found = {
        "models.build": set(imported(tree, {"training.loop", "models.build"}))
    }
    assert upward(found) == [
        "models.build -> dual.kernels",
        "models.build -> training.loop",
    ]
    assert upward({"dual.kernels": {"models.build"}}) == []


def test_the_root_is_small():
    modules = {path.stem for path in ROOT.glob("*.py")}
    others = modules - {*ENTRY_POINTS, "__init__", "__main__"}
    assert {*ENTRY_POINTS} <= modules
    assert len(others) <= MOST_OTHERS_AT_THE_ROOT


def test_modules_are_short():
    long = {
        module_name(path)
        for path in ROOT.rglob("*.py")
        if len(path.read_text().splitlines()) > MOST_LINES
    }
    assert long == set()


def lines_of_code(function, lines):
    """Lines of a function but blank ones and those of its docstring."""
    body = set(range(function.lineno, function.end_lineno + 1))
    if ast.get_docstring(function, clean=False) is not None:
        text = function.body[0]
        body -= set(range(text.lineno, text.end_lineno + 1))
    return sum(bool(lines[number - 1].strip()) for number in body)


def test_functions_fit_a_screen():
    lengths = collections.defaultdict(int)
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{module_name(path)}:{node.name}"
                count = lines_of_code(node, text.splitlines())
                lengths[name] = max(lengths[name], count)
    long = {x for x, count in lengths.items() if count > MOST_LINES_OF_CODE}
    assert long == set()

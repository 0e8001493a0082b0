#!/usr/bin/env python3
"""Installs the package as users do, in environments of their own, and tries it.

  tools/try_install.py
  tools/try_install.py cpu jax --python=python3.12

Builds the wheel, installs it in a fresh virtual environment for each case, runs
what is named there from another folder, and prints a table: what was installed,
how large, in how many seconds, whether it works. Exit status 1 if one does not.
Needs nothing but Python; everything comes from PyPI, 2 GB a case at most, and
goes away again.

  cpu       pip install dlgn_tf: trains, evaluates and exports, some tests
  jax       without TensorFlow, as docs/how_to/install.md says it: trains
  notebook  pip install dlgn_tf[notebook]: runs examples/one_decision.ipynb
  oldest    the oldest versions that setup.cfg admits: as cpu
  newest    the newest versions there are, admitted or not: as cpu
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parents[1]
LIMIT = 1200  # seconds a step may take
TESTS = (
    "tests/test_package.py",
    "tests/layers/test_gate.py",
    "tests/layers/test_batch_norm.py",
    "tests/dual/test_kernels.py",
)
TRAIN = (
    "dlgn_tf.train",
    f"--flagfile={ROOT / 'flags' / 'demo.flags'}",
    "--boundaries=68",
    "--train_steps=90",
    "--run_dir=run",
)
EVALUATE = ("dlgn_tf.evaluate", "--run_dir=run")
EXPORT = ("dlgn_tf.export", "--run_dir=run", "--export_dir=saved_model")
# What docs/how_to/install.md shows: the wheel's requirements but TensorFlow.
LIST = (
    "import importlib.metadata as m; print(*(r for r in m.requires('dlgn_tf') "
    "if 'extra' not in r and 'tensorflow' not in r), sep='\\n')"
)
NOTEBOOK = (
    "import nbclient, nbformat; nbclient.NotebookClient(nbformat.read("
    f"{str(ROOT / 'examples' / 'one_decision.ipynb')!r}, 4), timeout=600, "
    "kernel_name='python3').execute()"
)
WITHOUT = "import importlib.util as u; assert u.find_spec('tensorflow') is None"
TOLD = ("tensorflow", "keras", "jax", "numpy", "scikit-learn")


class Environment:
    """A fresh virtual environment, with a folder to work in."""

    def __init__(self, folder, interpreter):
        self.folder = pathlib.Path(folder)
        self.bin = self.folder / "venv" / "bin"
        subprocess.run(
            [interpreter, "-m", "venv", self.folder / "venv"], check=True
        )

    def python(self, *words, **variables):
        """Runs Python with these words; its standard output."""
        done = subprocess.run(
            [self.bin / "python", *words],
            cwd=self.folder,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            shown = " ".join(str(word) for word in words)
            raise RuntimeError(f"{shown}: {' '.join(said[-3:])}")
        return done.stdout

    def module(self, name, *flags, **variables):
        return self.python("-m", name, *flags, **variables)

    def pip(self, *words):
        quiet = ("--quiet", "--disable-pip-version-check")
        return self.module("pip", "install", *quiet, *words)

    def requirements(self):
        """Those of the wheel that no extra has, a list of strings."""
        listed = self.python("-c", LIST.replace("'tensorflow'", "'=!'"))
        return listed.splitlines()

    def versions(self):
        """What there is of the packages that matter, in words."""
        lines = self.module("pip", "list", "--format=freeze").splitlines()
        found = dict(line.lower().split("==") for line in lines if "==" in line)
        return ", ".join(f"{x} {found[x]}" for x in TOLD if x in found)

    def mebibytes(self):
        """What the packages take on the disk."""
        files = (self.folder / "venv" / "lib").rglob("*")
        sizes = (x.lstat().st_size for x in files if not x.is_dir())
        return sum(sizes) / 2**20


def run_all(environment):
    for module, *flags in (TRAIN, EVALUATE, EXPORT):
        environment.module(module, *flags)
    environment.pip("pytest", "pytest-xdist")
    tests = [str(ROOT / test) for test in TESTS]
    options = ("-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}")
    settings = ("-c", str(ROOT / "setup.cfg"))
    return environment.module("pytest", *options, *settings, *tests)


def run_on_jax(environment):
    environment.python("-c", WITHOUT)
    for module, *flags in (TRAIN, EVALUATE):
        environment.module(module, *flags, KERAS_BACKEND="jax")


def run_notebook(environment):
    environment.python("-c", NOTEBOOK)


def install(environment, wheel):
    environment.pip(str(wheel))


def install_for_jax(environment, wheel):
    environment.pip("--no-deps", str(wheel))
    listed = environment.python("-c", LIST)
    (environment.folder / "requirements.txt").write_text(listed)
    environment.pip("-r", "requirements.txt", "jax")


def install_for_notebooks(environment, wheel):
    environment.pip(f"{wheel}[notebook]")


def install_oldest(environment, wheel):
    environment.pip("--no-deps", str(wheel))
    environment.pip(*map(oldest, environment.requirements()))


def install_newest(environment, wheel):
    environment.pip("--no-deps", str(wheel))
    environment.pip(*map(newest, environment.requirements()))


def oldest(requirement):
    """`a<3,>=2` as `a==2`; without a least version as it is."""
    found = re.fullmatch(r"([\w.-]+).*?>=([\w.]+).*", requirement)
    return f"{found[1]}=={found[2]}" if found else requirement


def newest(requirement):
    """`a<3,>=2` as `a`."""
    return re.match(r"[\w.-]+", requirement)[0]


CASES = {
    "cpu": (install, run_all),
    "jax": (install_for_jax, run_on_jax),
    "notebook": (install_for_notebooks, run_notebook),
    "oldest": (install_oldest, run_all),
    "newest": (install_newest, run_all),
}


def tried(case, wheel, interpreter):
    """Tries a case: a row of the table, and whether it works."""
    put, use = CASES[case]
    with tempfile.TemporaryDirectory(prefix="dlgn_tf_") as folder:
        environment = Environment(folder, interpreter)
        bare = environment.mebibytes()
        began = time.monotonic()
        verdict, versions, size, installed = "works", "", 0.0, began
        try:
            put(environment, wheel)
            installed = time.monotonic()
            size = environment.mebibytes() - bare
            versions = environment.versions()
            use(environment)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            verdict = " ".join(str(error).split())[-300:]
        ended = time.monotonic()
        version = environment.python("-V").split()[1]
    took = (f"{t:.0f}" for t in (installed - began, ended - installed))
    row = [case, version, versions, f"{size:,.0f}", *took]
    return [*row, verdict], verdict == "works"


def built(folder):
    """The wheel of this checkout, made in a folder; it leaves none here."""
    venv.create(folder / "builder", with_pip=True)
    python = folder / "builder" / "bin" / "python"
    for words in (
        ("pip", "install", "--quiet", "build"),
        ("build", "--outdir", folder, ROOT),
    ):
        subprocess.run([python, "-m", *words], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all")
    parser.add_argument("--python", default=sys.executable, help="interpreter")
    given = parser.parse_args()
    try:
        venv_there = (given.python, "-c", "import ensurepip, venv")
        subprocess.run(venv_there, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        parser.error(
            "Expected --python, an interpreter with its module venv. Received: "
            f"{given.python}"
        )
    unknown = [case for case in given.cases if case not in CASES]
    if unknown:
        parser.error(f"Expected {', '.join(CASES)}. Received: {unknown[0]}")
    heads = ("case", "Python", "installed", "MiB", "s", "s to run", "verdict")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    fine = True
    with tempfile.TemporaryDirectory(prefix="dlgn_tf_wheel_") as folder:
        wheel = built(pathlib.Path(folder))
        for case in given.cases or CASES:
            row, works = tried(case, wheel, given.python)
            print(f"| {' | '.join(row)} |", flush=True)
            fine = fine and works
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

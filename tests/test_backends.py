"""On JAX: every layer, and every command, or one line on what it needs."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest


@pytest.mark.skipif(
    importlib.util.find_spec("jax") is None,
    reason="jax is not installed (pip install jax)",
)
# Of commands_under_jax.py.
@pytest.mark.parametrize(
    "marks", ["not slow", pytest.param("slow", marks=pytest.mark.slow)]
)
def test_on_jax(marks, jax_environment, request):
    """The backend is fixed for a process, so they have one of their own."""
    tests = pathlib.Path(__file__).parent
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"),
            *("-m", marks),
            f"-c{request.config.inipath or os.devnull}",
            f"--rootdir={request.config.rootpath}",
            tests / "commands_under_jax.py",
            tests / "layers" / "test_obligations.py",
        ],
        env=jax_environment,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout

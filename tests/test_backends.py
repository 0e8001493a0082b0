"""Every command runs on JAX, or says in one line what it needs."""

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
def test_commands_under_jax(package_environment, request):
    """The backend is fixed for a process, so they have one of their own."""
    path = pathlib.Path(__file__).with_name("commands_under_jax.py")
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"),
            f"-c{request.config.inipath or os.devnull}",
            f"--rootdir={request.config.rootpath}",
            path,
        ],
        env={**package_environment, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout

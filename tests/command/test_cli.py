"""How commands meet the environment that they are started in."""

import os
import subprocess
import sys
import warnings

import pytest

from dlgn_tf.command import cli


@pytest.mark.parametrize(
    ("module", "raises"),
    [
        ("keras.src.backend", False),
        ("numpy", False),
        ("dlgn_tf.train", True),
        ("__main__", True),
    ],
)
@pytest.mark.parametrize("options", [["error"], ["error::UserWarning"], []])
def test_what_others_deprecate_ends_nothing(
    module, raises, options, monkeypatch
):
    monkeypatch.setattr(sys, "warnoptions", options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cli._spare_other_packages()
        try:
            warnings.warn_explicit("old", UserWarning, "file", 1, module)
            raised = False
        except UserWarning:
            raised = True
    assert raised == (raises or not options)


def test_what_a_file_says_commands_no_terminal(capsys):
    with pytest.raises(SystemExit) as end:
        cli.fail("name", "Expected é.\nReceived: \x1b[2J\u202e\ud800 \x07")
    assert end.value.code == 2
    line = "name: Expected é. Received: \\x1b[2J\\u202e\\ud800 \\x07\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("flag", "code"), [("--list_presets", 2), ("--help", 2)]
)
def test_a_full_disk_is_named(flag, code, package_environment):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dlgn_tf.train", flag],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **package_environment,
                "MPLBACKEND": "nonsense",
                "PYTHONWARNINGS": "error",
            },
        )
    (line,) = done.stderr.splitlines()
    assert done.returncode == code
    assert line.startswith("dlgn_tf.train: Expected files that work. Received:")
    assert "standard output" in line

"""What must be the same in all processes that work on one result."""

import functools
import hashlib
import pathlib

import dlgn_tf


def of(packages):
    """Dict from this package and some others to what is installed here.

    Others that are not installed are left out.
    """
    import importlib.metadata

    found = {"dlgn_tf": f"{dlgn_tf.__version__} with digest {_code()}"}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def _code():
    """A digest of this package as it lies here."""
    root = pathlib.Path(dlgn_tf.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]

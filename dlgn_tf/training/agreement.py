"""Whether the processes of a training on several machines do the same.

They would train together with different flags and data, or wait for each other
for ever. Imports nothing heavy.
"""

import hashlib
import json
import os

from dlgn_tf.command import fields, versions
from dlgn_tf.config import cluster
from dlgn_tf.data import catalog, prepared
from dlgn_tf.errors import UserError
from dlgn_tf.output import files
from dlgn_tf.training import rendezvous

# What each machine has for itself.
_OWN = (
    "run_dir",
    "data_dir",
    "download",
    "npz",
    "cache_gib",
    "worker_timeout",
    # The first process draws the weights and gives them to all.
    "weights_seed",
    "init_from",
    "gates_from",
)
_PACKAGES = ("keras", "tensorflow")
_SHOWN = 3
_LONGEST = 80
# Digits of numbers that machines may round differently.
_DIGITS = 6

_done = False


def agree(config):
    """Waits until all processes of TF_CONFIG have come with the same training.

    Only once in a process: from then on TensorFlow has the port on which they
    meet.

    Args:
        config: `Config`, with what was measured of the data as it is used.

    Raises:
        UserError: in every process, if one has another configuration, other
            data, another version of a package, or is missing after
            `worker_timeout` minutes.
    """
    global _done
    if _done:
        return
    said = words(config)
    seconds = config.worker_timeout * 60
    rendezvous.meet(cluster.read_cluster(), said, difference, seconds)
    _done = True


def words(config):
    """Dict of strings, or None, all that must be the same everywhere."""
    said = {
        f"--{name}": str(fields.text(getattr(config, name)))
        for name in fields.of(config)
        if name not in _OWN
    }
    said["data"] = _data(config)
    said["network"] = config.network and _digest(config.network)
    said |= versions.of(_PACKAGES)
    tasks = cluster.read_cluster().addresses
    said["TF_CONFIG"] = ",".join(tasks[task] for task in sorted(tasks))
    return said


def _data(config):
    """What tells data from others; None where they are not at hand yet."""
    info = config.measured
    if info:
        # The description says where they lie.
        digest = _digest(info.as_dict() | {"description": None})
        return (
            f"{info.train_examples}+{info.test_examples} examples with digest "
            f"{digest}"
        )
    if config.npz:
        return _file_digest(config.npz)
    name = catalog.get(config.dataset).tfds_name
    if not name:
        return config.dataset
    folder = prepared.folder(name, config.data_dir)
    if not folder:
        return None
    # What TFDS prepares of one version is the same everywhere.
    counts = prepared.examples(folder)
    return f"{name} {os.path.basename(folder)} {json.dumps(counts)}"


def _file_digest(path):
    try:
        return files.sha256(path)[:16]
    except OSError as error:
        raise UserError(
            f"Expected --npz that can be read. Received: {error}"
        ) from error


def _digest(content):
    text = json.dumps(_rounded(content), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _rounded(content):
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    is_float = isinstance(content, float)
    return f"{content:.{_DIGITS}g}" if is_float else content


def difference(said):
    """What processes that would do something else than the first one say.

    Args:
        said: Dict from each task of a cluster to its `words`.

    Returns:
        A line, or `""` if all say the same.
    """
    first = min(said)
    for task in sorted(said):
        names = said[first].keys() | said[task].keys()
        pairs = {x: (said[first].get(x), said[task].get(x)) for x in names}
        unlike = [
            x
            for x, (one, other) in sorted(pairs.items())
            if one != other and None not in (one, other)
        ]
        if unlike:
            return _told(unlike, pairs, first, task)
    return ""


def _told(unlike, pairs, first, task):
    expected, received = (
        ", ".join(f"{x}={pairs[x][side]:.{_LONGEST}}" for x in unlike[:_SHOWN])
        for side in range(2)
    )
    others = f" and {len(unlike) - _SHOWN} more"
    others = others if len(unlike) > _SHOWN else ""
    return (
        f"Expected the same on all workers, as {expected} of {first[0]} "
        f"{first[1]}. Received: {received} of {task[0]} {task[1]}{others}"
    )

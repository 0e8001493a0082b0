"""Hostile .npz and .keras files."""

import io
import json
import struct
import zipfile

import numpy as np

from attacks import values

# Where the two headers of an entry hold its flags and its size.
_FLAGS, _SIZE = {b"PK\x03\x04": 6, b"PK\x01\x02": 8}, 24
_ENCRYPTED = 1

CLASSES = (
    ("keras.layers", "Lambda"),
    ("keras.layers", "TorchModuleWrapper"),
    ("keras.layers", "TFSMLayer"),
    ("keras.layers", "JaxLayer"),
    ("builtins", "eval"),
    ("os", "system"),
    ("subprocess", "Popen"),
    ("pathlib", "Path"),
    ("numpy", "fromfile"),
    ("dlgn_tf.layers", "Nothing"),
    ("no_such_module", "Layer"),
    ("keras", "Functional"),
    (None, None),
)
SIZES = (-1, 0, 10**9, 2**62, 10**30, 0.5, None, "many", [], {"a": 1})


def _arrays(rng, count=24):
    """Arrays that are hardly what images, labels or ends of files are."""
    made = rng.choice(
        (
            lambda: np.array(rng.choice(values.NUMBERS), object),
            lambda: np.array(1),
            lambda: np.zeros(0),
            lambda: np.zeros((count, 0, 3, 1)),
            lambda: np.full(count, np.nan),
            lambda: np.full(count, -1),
            lambda: np.full(count, 2**63, np.uint64),
            lambda: np.arange(count) + 0.5,
            lambda: np.zeros(count, [("a", int), ("b", "U3")]),
            lambda: np.zeros(count, "datetime64[D]"),
            lambda: np.zeros(count, complex),
            lambda: np.array([rng.choice(values.TEXTS)] * count),
            lambda: np.zeros((count, 4, 4, 1, 1)),
            lambda: np.zeros((count, 2**16), bool),
            lambda: np.zeros((count + 1, 4, 4, 1), np.uint8),
            lambda: np.zeros((count, 5, 5, 2), np.uint8),
            lambda: np.arange(count)[::-1],
            lambda: np.arange(count, dtype=float) * 100,
            lambda: np.zeros(count, np.void),
        )
    )
    return made()


def _entry(rng):
    """The bytes of an array whose header says something else than holds."""
    shape = rng.choice(
        ((10**12,), (2**31, 2**31), (-1,), (24, 4, 4, 1), (10**6, 10**6, 3), ())
    )
    kind = rng.choice(("|u1", "<f8", "|O", "<U999999999", "|V8", "<i8", "nope"))
    header = repr({"descr": kind, "fortran_order": False, "shape": shape})
    if not rng.randrange(4):
        header = rng.choice(("(" * 9000, "os.system('x')", "{}", "1e999", ""))
    text = header.encode().ljust(len(header) + 9) + b"\n"
    version = rng.choice((1, 2, 3, 9))
    size = struct.pack("<H" if version == 1 else "<I", len(text) % 2**16)
    return b"\x93NUMPY" + bytes((version, 0)) + size + text + bytes(64)


def spoil_npz(rng, path):
    """Changes an .npz; returns how."""
    how = rng.choice(("array", "array", "header", "text", "size", "flag"))
    if how in ("size", "flag"):
        return _spoil_entry(rng, path, how)
    with np.load(path) as file:
        content = {name: _saved(file[name]) for name in file.files}
    for name in rng.sample(list(content), rng.choice((1, 1, 2))):
        if how == "array":
            content[name] = _saved(_arrays(rng))
        elif how == "header":
            content[name] = _entry(rng)
        else:
            content[name] = rng.choice((b"", b"text", bytes(99), None))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            if data is not None:
                archive.writestr(f"{name}.npy", data)
    return how


def _saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _spoil_entry(rng, path, how):
    """Says in the archive that an entry is encrypted, or of another size."""
    data = bytearray(path.read_bytes())
    for mark, place in _FLAGS.items():
        begin = data.find(mark)
        if how == "flag":
            data[begin + place] |= _ENCRYPTED
        elif mark == b"PK\x01\x02":
            size = rng.choice((0, 1, 2**31, 2**32 - 2))
            data[begin + _SIZE : begin + _SIZE + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    return how


def spoil_keras(rng, path):
    """Changes a .keras file; returns how."""
    how = rng.choice(
        ("config", "config", "class", "class", "size", "deep", "weights")
        + ("link", "flag", "entry")
    )
    if how == "flag":
        return _spoil_entry(rng, path, how)
    with zipfile.ZipFile(path) as archive:
        content = {x: archive.read(x) for x in archive.namelist()}
    config = json.loads(content["config.json"])
    if how == "config":
        content["config.json"] = values.spoilt_json(rng, config)
    elif how == "deep":
        for _ in range(rng.choice((50, 2000, 20_000))):
            config = {
                "module": "keras",
                "class_name": "Sequential",
                "config": {"name": "deep", "layers": [config]},
            }
        content["config.json"] = _dumped(config)
    elif how in ("class", "size"):
        layer = rng.choice([config, *config["config"].get("layers", [])])
        _spoil_layer(rng, layer, how)
        content["config.json"] = json.dumps(config)
    elif how == "weights":
        other = values.spoilt_bytes(rng, content["model.weights.h5"])
        content["model.weights.h5"] = rng.choice((other, b"no HDF5"))
    elif how == "entry":
        name = rng.choice(("../../outside/kept", "/tmp/x", "a" * 300, "é", "."))
        content[name] = b"x"
    _write(path, content, linked=how == "link" and rng.choice([*content]))
    return how


def _dumped(config):
    """JSON of what is nested deeper than the library goes."""
    parts, ends = [], []
    while len(config["config"].get("layers", ())) == 1:
        parts.append(
            '{"module": "keras", "registered_name": null, "class_name": '
            '"Sequential", "config": {"name": "deep", "layers": ['
        )
        ends.append("]}}")
        (config,) = config["config"]["layers"]
    return "".join(parts) + json.dumps(config) + "".join(ends)


def _spoil_layer(rng, layer, how):
    if how == "class":
        layer["module"], layer["class_name"] = rng.choice(CLASSES)
        layer["registered_name"] = rng.choice((None, layer["class_name"]))
        return
    known = ("units", "filters", "kernel_size", "batch_shape", "strides")
    names = [x for x in known if x in layer["config"]]
    name = rng.choice(names or ["name"])
    size = rng.choice(SIZES)
    layer["config"][name] = rng.choice((size, [None, size, size, 1]))


def _write(path, content, linked):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name)
            if name == linked:
                # Of Unix, as a symbolic link.
                entry.create_system, entry.external_attr = 3, 0o120777 << 16
                data = b"../../outside/kept"
            archive.writestr(entry, data)

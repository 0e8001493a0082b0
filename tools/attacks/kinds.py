"""The kinds of attacks: what is spoilt, and what then reads it."""

import json
import os
import pathlib

from attacks import archives, storage, values, victims
from dlgn_tf.output import markdown

# Name: function of a generator, a `Place`; returns what reads what it spoilt.
KINDS = {}


class Place:
    """Where one attack takes place.

    Attributes:
        source: `pathlib.Path` of the victims, which are copied.
        folder: Of its own.
        outside: Folder that nothing may touch.
    """

    def __init__(self, source, folder, outside):
        self.source, self.folder, self.outside = source, folder, outside

    def copy(self, name):
        return victims.copy(name, self.source, self.folder)


def kind(function):
    KINDS[function.__name__.replace("_", " ")] = function
    return function


def _checked(*words):
    """What reads the data of a training, which is then not begun."""

    def call():
        from dlgn_tf import config
        from dlgn_tf.data import own

        own.forget()
        config.check_environment(config.from_flags(*words))

    return call


def _spoil(rng, place, path, special):
    """Bytes, what lies in a file's place, or what its kind is prone to."""
    how = rng.randrange(8)
    if how == 0:
        values.put_in_place(rng, path, place.outside)
    elif how == 1:
        path.write_bytes(values.spoilt_bytes(rng, path.read_bytes()))
    else:
        special(rng, path)


@kind
def npz(rng, place):
    path = place.copy("data.npz")
    _spoil(rng, place, path, archives.spoil_npz)
    return _checked("--dataset=npz", f"--npz={path}", "--model=fc_dlgn")


@kind
def npz_of_the_catalogue(rng, place):
    path = place.copy("digits.npz")
    _spoil(rng, place, path, archives.spoil_npz)

    def call():
        from dlgn_tf.data import catalog, sources

        catalog.check_available("digits", npz_file=path)
        sources.load("digits", npz_file=path)

    return call


def _keras_read(rng, path):
    def trained():
        from dlgn_tf.training import trained

        trained.load_trained(path, of_zoo=rng.random() < 0.2)

    def converted():
        from dlgn_tf.models import user_networks

        builder = user_networks.architecture(str(path)).builder
        builder.network()

    def checked():
        _checked(f"--model=keras:{path}_dlgn", "--dataset=digits")()

    return rng.choice((trained, trained, converted, checked))


@kind
def keras_file(rng, place):
    path = place.copy("net.keras")
    _spoil(rng, place, path, archives.spoil_keras)
    return _keras_read(rng, path)


@kind
def keras_file_of_a_run(rng, place):
    path = place.copy("run") / "best.keras"
    _spoil(rng, place, path, archives.spoil_keras)
    return _keras_read(rng, rng.choice((path, path.parent)))


def _spoil_json(rng, path):
    lines = path.read_text().splitlines()
    if path.suffix == ".jsonl":
        number = rng.randrange(len(lines))
        lines[number] = values.spoilt_json(rng, json.loads(lines[number]))
        path.write_text("\n".join(lines) + "\n" * rng.randrange(2))
        return
    content = json.loads(path.read_text())
    path.write_text(values.spoilt_json(rng, content))


def _spoil_flags(rng, path):
    lines = path.read_text().splitlines()
    number = rng.randrange(len(lines))
    name, _, _ = lines[number].partition("=")
    text = str(rng.choice((*values.TEXTS, *values.NUMBERS)))
    spoilt = (f"{name}={text}", name, text, f"--flagfile={path}", lines[0])
    lines[number] = rng.choice(spoilt)
    path.write_text("\n".join(lines), errors="surrogatepass")


@kind
def run_directory(rng, place):
    run = place.copy("run")
    found = sorted(x for x in run.rglob("*") if x.name != "lock")
    path = rng.choice(found)
    if path.suffix in (".json", ".jsonl") and rng.random() < 0.8:
        _spoil_json(rng, path)
    elif path.name == "flags.txt" and rng.random() < 0.8:
        _spoil_flags(rng, path)
    elif path.suffix == ".keras" and rng.random() < 0.5:
        archives.spoil_keras(rng, path)
    elif path.is_dir() or rng.random() < 0.4:
        values.put_in_place(rng, path, place.outside)
    else:
        path.write_bytes(values.spoilt_bytes(rng, path.read_bytes()))
    return rng.choice((_goes_on(run), _read_run(run), _read_run(run)))


def _read_run(run):
    def call():
        from dlgn_tf.output import origin
        from dlgn_tf.training import runs
        from dlgn_tf.training.run_directory import RunDirectory

        directory = RunDirectory(run)
        directory.read_metrics()
        origin.of_run(directory)
        directory.kept_models()
        runs.load_run(run)

    return call


def _goes_on(run):
    def call():
        from dlgn_tf import config
        from dlgn_tf.models import objectives
        from dlgn_tf.training import loop

        words = [f"--flagfile={run / 'flags.txt'}", f"--run_dir={run}"]
        found = config.from_flags(*words, "--train_steps=3")
        config.check_environment(found)
        objectives.told(loop.train(found))

    return call


@kind
def folder_of_images(rng, place):
    folder = place.copy("images")
    path = rng.choice(sorted(folder.rglob("*")))
    how = rng.randrange(6)
    if how == 0 and path.is_file():
        path.write_bytes(values.spoilt_bytes(rng, path.read_bytes()))
    elif how == 1:
        path = os.fsencode(folder / "class0") + b"/\xff\xfe.png"
        pathlib.Path(os.fsdecode(path)).write_bytes(_bomb(rng))
    elif how == 2:
        (folder / "class1" / "bomb.png").write_bytes(_bomb(rng))
    elif how == 3:
        name = rng.choice((b"\xff", b"a\nb", b" ", b"<b>", b"=1", b"a" * 255))
        os.rename(folder / "class2", os.fsencode(folder) + b"/" + name)
    elif how == 4:
        (folder / "class0" / "up").symlink_to(rng.choice(("..", "/", ".")))
    else:
        values.put_in_place(rng, path, place.outside)
    more = rng.choice(("--skip_damaged", "--image_size=4", "--channels=4"))
    flags = ("--dataset=folder", f"--data_dir={folder}", "--model=fc_dlgn")
    return _checked(*flags, more)


def _bomb(rng):
    """A file that says it is of far more pixels than it holds."""
    import struct
    import zlib

    side = rng.choice((30_000, 2**31 - 1, 2**16, 0))
    parts = []
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(10**5))),
        (b"IEND", b""),
    ):
        checksum = struct.pack(">I", zlib.crc32(name + data))
        parts.append(struct.pack(">I", len(data)) + name + data + checksum)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@kind
def table(rng, place):
    path = place.copy("table.csv")
    _spoil(rng, place, path, _spoil_table)
    missing = rng.choice((("--missing=fill",), ("--missing=drop",), ()))
    flags = ("--dataset=table", f"--data_dir={path}", "--model=fc_dlgn")
    return _checked(*flags, "--label=y", *missing)


def _spoil_table(rng, path):
    header, *rows = path.read_text().splitlines()
    number = rng.randrange(len(rows))
    fields = rows[number].split(",")
    text = str(rng.choice((*values.TEXTS, *values.NUMBERS)))
    how = rng.randrange(9)
    if how == 0:
        fields[0] = '"' + text
    elif how == 1:
        fields.append(text)
    elif how == 2:
        header = header.replace("a", text)
    elif how == 3:
        count = rng.choice((10**3, 10**5, 10**6))
        header += "".join(f",x{k}" for k in range(count))
        rows = [x + ",1" * count for x in rows[:6]]
    elif how == 4:
        header = header.replace("b", "a")
    elif how == 5:
        fields[2] = "é"
    else:
        fields[rng.randrange(4)] = text
    rows[number % len(rows)] = ",".join(fields) if how != 3 else rows[0]
    encoding = "latin-1" if how == 5 else "utf-8"
    text = "\n".join([header, *rows])
    path.write_bytes(text.encode(encoding, "surrogatepass"))


@kind
def flags(rng, place):
    """Every flag of the commands, with any value."""
    from dlgn_tf.command import fields
    from dlgn_tf.config import TrainingFlags

    known = sorted(fields.of(TrainingFlags))
    words = [f"--run_dir={place.folder / 'new'}"]
    for name in rng.sample(known, rng.choice((1, 1, 2, 3))):
        if name != "download":
            given = rng.choice((*values.TEXTS, *values.NUMBERS))
            words.append(f"--{name}={given}")
    return _checked(*words)


@kind
def claims(rng, place):
    """The page of a file of records from elsewhere."""
    path = place.folder / "claims.jsonl"
    record = {
        "claim": "dlgn.1",
        "paper": "dlgn",
        "statement": "s",
        "expected": "e",
        "measured": "m",
        "values": {"a": [1, 2]},
        "holds": True,
        "verdict": "holds",
        "scale": "seconds",
        "seconds": 1.0,
        "seed": 0,
        "dlgn_tf": "0",
        **dict.fromkeys(("commit", "backend", "versions", "machine"), "x"),
    }
    path.write_text(json.dumps(record) + "\n" + json.dumps(record) + "\n")
    _spoil(rng, place, path, _spoil_json)

    def call():
        from dlgn_tf.claims import page
        from dlgn_tf.command import fields

        output = place.folder / "CLAIMS.md"
        words = [f"--claims={path}", f"--output={output}"]
        page.run(fields.parse(page.Command, words))

    return call


@kind
def failing_disk(rng, place):
    """Of what was written all is old or new."""
    if rng.random() < 0.5:
        run = place.copy("run")
        return lambda: storage.write_metrics(rng, run)
    folder = place.folder / "checkpoints"
    return lambda: storage.save_checkpoints(rng, folder)


@kind
def kill(rng, place):
    folder = place.folder / "checkpoints"
    return lambda: storage.kill_while_saving(rng, folder)


@kind
def names(rng, place):
    """Of layers, classes and cells, in what is written about them."""
    name = rng.choice(values.TEXTS)

    def call():
        from dlgn_tf.output.folder import Output, new_figure

        output = Output(place.folder / "out")
        output.table("table", [{"name": name, name: 1}])
        output.text("page.md", markdown.table([name], [[name]]))
        figure = new_figure(2, 2)
        axes = figure.add_subplot()
        axes.plot([1, 2], label=name)
        axes.set_title(name)
        axes.legend()
        output.picture("figure", figure, dpi=30)

    return call

"""More kinds of attacks: readers of single files."""

import importlib
import shutil
import socket

from attacks import kinds, values
from attacks.kinds import kind


@kind
def parquet(rng, place):
    """A table whose bytes, or whose types, are others."""
    import pyarrow as pa
    import pyarrow.parquet

    path = place.folder / "table.parquet"
    columns = {"a": list(range(24)), "b": [f"w{k % 4}" for k in range(24)]}
    odd = (
        [[k] for k in range(24)],
        [{"x": k} for k in range(24)],
        [None] * 24,
        [b"\xff"] * 24,
        [2**63 - 1] * 24,
        [float("nan")] * 24,
        [True] * 24,
        ["x" * 5000] * 24,
    )
    how = rng.randrange(3)
    if how == 0:
        columns[rng.choice("abc")] = rng.choice(odd)
    columns["y"] = [f"c{k % 3}" for k in range(24)]
    pa.parquet.write_table(pa.table(columns), path)
    if how == 1:
        path.write_bytes(values.spoilt_bytes(rng, path.read_bytes()))
    elif how == 2:
        data = bytearray(path.read_bytes())
        for _ in range(rng.choice((1, 8, 64))):
            # Most at the end, where its metadata are.
            data[-rng.randrange(1, min(len(data), 1200))] = rng.randrange(256)
        path.write_bytes(data)
    flags = ("--dataset=table", f"--data_dir={path}", "--model=fc_dlgn")
    return kinds._checked(*flags, "--label=y")


@kind
def picture(rng, place):
    """A picture file that is to be explained."""
    path = place.folder / "photo.png"
    one = next((place.source / "images").rglob("*.png"))
    path.write_bytes(one.read_bytes())
    how = rng.randrange(3)
    if how == 0:
        path.write_bytes(kinds._bomb(rng))
    elif how == 1:
        values.put_in_place(rng, path, place.outside)
    else:
        path.write_bytes(values.spoilt_bytes(rng, path.read_bytes()))

    def call():
        # Its name is that of a function, too.
        explain = importlib.import_module("dlgn_tf.explain")
        explain._pictures([str(path)], rng.choice(((4, 4, 1), (9, 5, 3))))

    return call


@kind
def commands(rng, place):
    """What commands have left in a folder, which others add to."""
    from dlgn_tf.output import origin

    path = place.folder / origin.COMMANDS
    known = {"python -m a": origin.Origin(), "b": origin.Origin()}
    path.write_text(origin.commands_text(known))
    kinds._spoil(rng, place, path, kinds._spoil_json)
    return lambda: origin.note_command(place.folder, "python -m c")


@kind
def table_of_networks(rng, place):
    """The table that accuracies are predicted from."""
    from dlgn_tf.complexity import prediction

    path = place.folder / "nets.csv"
    columns = ["model", *prediction.columns((4, 7))]
    row = ["net", *["1"] * (len(columns) - 1)]
    rows = [columns, *([list(row) for _ in range(4)])]
    _spoil_cells(rng, rows)
    path.write_text("\n".join(map(",".join, rows)), errors="surrogatepass")
    return lambda: prediction.read_networks(path)


@kind
def finished_nets(rng, place):
    """The nets of an earlier run of a ladder, and what is said of them."""
    from dlgn_tf.complexity.finished_nets import FinishedNets

    described = {"features": ["a"], "known_by": [[0.5, 1.0]], "images": 3}
    FinishedNets(place.folder, described)
    (path,) = place.folder.glob("*.json")
    table = place.folder / "nets.csv"
    rows = [["order", "started_from", "loss"], ["4", "", "1"], ["7", "4", "1"]]
    if rng.random() < 0.5:
        _spoil_cells(rng, rows)
    else:
        kinds._spoil(rng, place, path, kinds._spoil_json)
    table.write_text("\n".join(map(",".join, rows)), errors="surrogatepass")
    return lambda: FinishedNets(place.folder, described)._lines()


@kind
def results(rng, place):
    """The table of finished cells of a reproduction."""
    from dlgn_tf.reproduction import results as cells

    path = place.folder / "results.csv"
    columns = [*cells._KINDS, *cells._ORIGIN]
    sound = {int: "1", float: "0.5"}
    row = [sound.get(cells._KINDS.get(x), "x") for x in columns]
    rows = [columns, list(row), list(row)]
    _spoil_cells(rng, rows)
    path.write_text("\n".join(map(",".join, rows)), errors="surrogatepass")
    return lambda: cells.from_csv(path)


def _spoil_cells(rng, rows):
    row = rng.choice(rows)
    text = str(rng.choice((*values.TEXTS, *values.NUMBERS)))
    how = rng.randrange(5)
    if how == 0:
        row.append(text)
    elif how == 1:
        del row[rng.randrange(len(row))]
    elif how == 2:
        rows.clear()
    else:
        row[rng.randrange(len(row))] = text


@kind
def own_flagfile(rng, place):
    """A flagfile of one's own, and files that it includes."""
    path, other = place.folder / "a.flags", place.folder / "b.flags"
    lines = ["--model=fc_dlgn", "--dataset=digits", f"--flagfile={other}"]
    other.write_text(rng.choice(("--width=4\n", f"--flagfile={path}\n")))
    how = rng.randrange(4)
    if how == 0:
        lines.insert(0, str(rng.choice((*values.TEXTS, *values.NUMBERS))))
    elif how == 1:
        lines.append("--width=" + "9" * rng.choice((5, 5000, 10**6)))
    path.write_text("\n".join(lines), errors="surrogatepass")
    if how == 2:
        path.write_bytes(values.spoilt_bytes(rng, path.read_bytes()))
    return kinds._checked(f"--flagfile={path}")


@kind
def saved_model(rng, place):
    """A folder that looks like an exported network."""
    folder = place.folder / "saved"
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "saved_model.pb").write_bytes(rng.randbytes(200))
    inside = folder / "assets.extra" / "model.keras"
    shutil.copy(place.source / "run" / "best.keras", inside)
    path = rng.choice((inside, folder / "saved_model.pb", folder / "assets"))
    if path.is_dir() or rng.random() < 0.3:
        values.put_in_place(rng, path, place.outside)
    else:
        path.write_bytes(values.spoilt_bytes(rng, path.read_bytes()))

    def call():
        from dlgn_tf.training import saved_model, trained

        trained.load_trained(saved_model.locate(folder))
        saved_model.class_names(folder)

    return call


@kind
def words_of_workers(rng, place):
    """What comes to the port at which workers meet."""
    from dlgn_tf.config.cluster import Cluster
    from dlgn_tf.training import rendezvous

    word = {"task": ["worker", 1], "says": {"--seed": "0", "data": None}}
    line = values.spoilt_json(rng, word).encode()[: 2**16]
    end = rng.choice((b"\n", b""))

    def call():
        here, there = socket.socketpair()
        with there:
            there.sendall(line + end)
            tasks = {("worker", k): f"localhost:{k + 1}" for k in range(2)}
            guests = rendezvous._Guests(Cluster(tasks, ("worker", 0)), {})
            guests._strangers.append(rendezvous._Lines(here))
            for _ in range(3):
                guests.listen()
            guests.tell(guests.missing())
            guests.dismiss()

    return call

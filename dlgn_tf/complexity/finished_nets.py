"""Where finished nets are kept: one file and one table row per order."""

import json
import pathlib

import numpy as np

from dlgn_tf.errors import UserError
from dlgn_tf.models import saved
from dlgn_tf.output import elsewhere, files

# What nets learn, see `dlgn_tf.complexity.unit`.
TARGETS = "centred, of variance 1, by nets that begin near zero"
# Images from which a feature is known again.
_KNOWN_BY = 64


class FinishedNets:
    """Finished nets in a directory: `order_04.keras` and so on, `nets.csv`.

    Without a directory nothing is kept. A description is a dict for JSON, what
    all nets of the directory share; its `"known_by"` is compared as numbers,
    the rest exactly.

    Raises:
        UserError: if the directory holds nets of another description.
    """

    def __init__(self, directory, description):
        self._directory = directory and pathlib.Path(directory)
        if self._directory is None:
            return
        path = self._directory / "settings.json"
        with files.write_errors(path):
            wanted = json.loads(json.dumps(description))
            kept = elsewhere.read_json(path, dict)
            if kept is None and path.exists():
                raise UserError(
                    "Expected the settings of nets. Received: "
                    f"{path}, which is damaged; mend or delete it"
                )
            if kept is None:
                files.write_atomically(path, json.dumps(wanted, indent=1))
            else:
                self._check(kept, wanted)

    def read(self, order, lower):
        """The finished net of an order that started from a lower, or None."""
        if self._directory is None:
            return None
        wanted, path = (str(order), str(lower or "")), self._path(order)
        known = [(x["order"], x["started_from"]) for x in self._lines()]
        if wanted in known and path.is_file():
            return saved.load(path)
        return None

    def write(self, order, lower, net, line):
        """Keeps a net: first its weights, then its line.

        Nets that started from another net of this order are finished no more.
        A line is a dict of more columns, the same for all orders.
        """
        if self._directory is None:
            return
        line = {"order": str(order), "started_from": str(lower or ""), **line}
        path = self._path(order)
        with files.write_errors(path):
            with files.replacing(path) as temporary:
                net.save(temporary)
            others = _not_from(line["order"], self._lines())
            lines = sorted([*others, line], key=lambda x: int(x["order"]))
            text = files.csv_text(line, [each.values() for each in lines])
            files.write_atomically(self._table, text)

    def _lines(self):
        """Lines of the table, dicts of strings."""
        if not self._table.is_file():
            return []
        try:
            lines = elsewhere.read_csv(self._table)
            for line in lines:
                int(line["order"]), int(line["started_from"] or 0)
            return lines
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                "Expected a table of orders of nets and of those that they "
                f"started from. Received: {self._table}, {error!r}"
            ) from error

    def _check(self, kept, wanted):
        differs = [
            name
            for name in wanted
            if not _same(name, kept.get(name), wanted[name])
        ]
        if differs:
            raise UserError(
                f"Expected in {self._directory} nothing, or nets of these "
                f"settings. Received: nets of another {', '.join(differs)}"
            )

    @property
    def _table(self):
        return self._directory / "nets.csv"

    def _path(self, order):
        return self._directory / f"order_{order:02d}.keras"


def described_by(features, images):
    """What tells nets of these features, trained on these images, from others.

    A dict for `FinishedNets`.
    """
    known = [feature.trunk(images[:_KNOWN_BY]) for feature in features]
    return {
        "features": [feature.name for feature in features],
        "shapes": [list(feature.shape) for feature in features],
        "images": len(images),
        "targets": TARGETS,
        "known_by": [[float(f.mean()), float(f.std())] for f in known],
    }


def _not_from(order, lines):
    """Lines of other orders that did not start from this, however far below."""
    gone = {order}
    for line in sorted(lines, key=lambda x: int(x["order"])):
        if line["started_from"] in gone:
            gone.add(line["order"])
    return [line for line in lines if line["order"] not in gone]


def _same(name, kept, wanted):
    if name != "known_by":
        return kept == wanted
    wanted = np.asarray(wanted, float)
    try:
        kept = np.asarray(kept, float)
    except (TypeError, ValueError):
        return False
    if kept.shape != wanted.shape:
        return False
    # Another machine rounds otherwise.
    means, stds = wanted.T
    return np.allclose(kept[:, 1], stds, rtol=1e-3, atol=0) and np.allclose(
        kept[:, 0], means, rtol=1e-5, atol=1e-3 * stds
    )

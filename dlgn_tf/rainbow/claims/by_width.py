"""rainbow.18: networks of several widths beside the widest ones."""

import pathlib

from dlgn_tf.claims.contrasts import Pair
from dlgn_tf.claims.verdicts import NotMeasured
from dlgn_tf.rainbow.claims import tables

FOLDER = "rainbow/widths_digits"
_COLUMNS = ("run", "width", "what", "value")
_MADE_BY = "python -m dlgn_tf.rainbow --parts=widths"
DENSE1, DENSE2, LOGITS = "dense1", "dense2", "logits"


def measure(rng, results_dir):
    del rng  # What is drawn was drawn by the command.
    path = pathlib.Path(results_dir) / FOLDER / "widths.csv"
    rows = tables.read(path, _COLUMNS, _MADE_BY)
    widths = sorted({int(x) for x in tables.values(rows, "width")})
    if len(widths) < 3:
        raise NotMeasured(f"Expected three widths in {path}")
    # Errors are those to the widest networks, which have none of their own.
    narrowest, *_, next_to_widest, widest = widths

    def of(what, width, **more):
        return tables.values(rows, "value", what=what, width=width, **more)

    def fall(what, *layers):
        """By how much it is less in wide networks than in narrow ones."""
        return {
            layer: Pair(
                of(what, narrowest, layer=layer),
                of(what, next_to_widest, layer=layer),
            )
            for layer in layers
        }

    def drawn(way):
        wide = of(f"accuracy, {way}", widest)
        return {
            "rise of accuracy": Pair(wide, of(f"accuracy, {way}", narrowest)),
            "trained - drawn": Pair(of("accuracy, trained", widest), wide),
        }

    error = "covariance error"
    return {
        "fall of the alignment error": fall("alignment error", DENSE2, LOGITS),
        f"fall of the {error}": fall(f"{error} of the shape", DENSE1, DENSE2),
        **drawn("resampled"),
        "not aligned": drawn("not aligned"),
        "white weights": {
            f"fall of the {error}": fall(
                f"{error} of white weights", DENSE1, DENSE2
            )
        },
        "widths": f"{narrowest} to {widest}, digits",
    }

"""What a run of claims leaves for scripts: a file of JSON objects."""

import dataclasses
import errno
import itertools
import json
import math
import os
import pathlib

import numpy as np

import dlgn_tf
from dlgn_tf.claims import registry
from dlgn_tf.claims.runner import Outcome
from dlgn_tf.claims.verdicts import Measurement, Verdict
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere, files, origin

# Of a record, with their types. Older ones have no verdict.
_FIELDS = {
    "claim": str,
    "measured": str,
    "values": dict,
    "holds": bool | None,
    "seconds": int | float,
    "seed": int,
    "dlgn_tf": str,
    **{field.name: str for field in dataclasses.fields(origin.Origin)},
}


class Records:
    """Outcomes of `Claim`s on disk: what was measured before a kill is kept.

    Until the last claim is measured they are in PATH.partial, one JSON object
    a line; what an earlier run left in PATH stays until then. A new object
    goes on from there, if the seed, the code and the machine are the same.
    A PATH.partial with anything else in it is renamed, PATH.partial.1. Claims
    that read results or data are always measured again: they may be others.
    Updating, PATH keeps its lines of other claims that there still are.

    Attributes:
        set_aside: Path-like that PATH.partial was renamed to, or None.

    Raises:
        UserError: if nothing can be written there, or there is nothing to
            update.
    """

    def __init__(self, path, claims, seed, update=False):
        self._path = pathlib.Path(path)
        self._partial = self._path.with_name(f"{self._path.name}.partial")
        self._claims = {claim.id: claim for claim in claims}
        self._made = {
            "seed": seed,
            "dlgn_tf": dlgn_tf.__version__,
            **dataclasses.asdict(origin.here()),
        }
        self._records = {}
        before = read(self._path, complete=False) if update else []
        self._others = {
            r["claim"]: r for r in before if r["claim"] not in self._claims
        }
        self.set_aside = None
        try:
            if self._path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._go_on()
            self._rewrite(self._claims, self._records)
        except OSError as error:
            raise UserError(
                "Expected a file that can be written. Received: "
                f"--output={path}, {files.why_not_written(error)}"
            ) from error

    def outcomes(self):
        """Dict from id to `Outcome` of what is measured already."""
        return {
            claim_id: Outcome(
                self._claims[claim_id],
                Measurement(
                    record["holds"],
                    record["measured"],
                    record["values"],
                    verdict(record) != Verdict.NOT_MEASURED,
                ),
                record["seed"],
                record["seconds"],
            )
            for claim_id, record in self._records.items()
        }

    def write(self, outcome):
        """Adds an `Outcome`."""
        self._records[outcome.claim.id] = self._record(outcome)
        with files.write_errors(self._partial):
            self._rewrite(self._claims, self._records)

    def finish(self):
        """Puts the file into its place, claims in order."""
        with files.write_errors(self._path):
            # Another process may have put its own there, and it is gone.
            known = {claim.id: claim for claim in registry.claims()}
            self._rewrite(known, self._records | self._others)
            self._partial.replace(self._path)

    def _go_on(self):
        found = read(self._partial) if self._partial.exists() else []
        usable = [record for record in found if self._is_usable(record)]
        if len(usable) < len(found):
            numbered = (f"{self._partial}.{n}" for n in itertools.count(1))
            self.set_aside = next(p for p in numbered if not os.path.exists(p))
            self._partial.rename(self.set_aside)
        for record in usable:
            claim = self._claims[record["claim"]]
            if not (claim.reads_results or claim.reads_data):
                self._records[record["claim"]] = record

    def _is_usable(self, record):
        same = all(record.get(k) == v for k, v in self._made.items())
        return same and record["claim"] in self._claims

    def _rewrite(self, order, kept):
        ordered = (kept[claim_id] for claim_id in order if claim_id in kept)
        # Whatever a claim measured, its line must not cost the others theirs.
        lines = (json.dumps(r, allow_nan=False, default=str) for r in ordered)
        text = "".join(f"{line}\n" for line in lines)
        files.write_atomically(self._partial, text)

    def _record(self, outcome):
        claim, measurement = outcome.claim, outcome.measurement
        return {
            "claim": claim.id,
            "paper": claim.paper,
            "statement": claim.statement,
            "expected": claim.expected,
            "measured": measurement.measured,
            "values": _plain(measurement.values),
            "holds": _plain(measurement.holds),
            "verdict": measurement.verdict,
            "scale": claim.scale,
            "seconds": round(outcome.seconds, 3),
            **self._made,
        }


def read(path, complete=True):
    """The records of a file, dicts that have all fields if they are complete.

    Raises:
        UserError: if there is none, or it is not such a file.
    """
    may_lack = {x: elsewhere.Optional(kind) for x, kind in _FIELDS.items()}
    kinds = _FIELDS if complete else {**may_lack, "claim": str}
    try:
        lines = elsewhere.read_text(path).splitlines()
        return [_record(*line, kinds) for line in enumerate(lines, 1)]
    except (OSError, ValueError) as error:
        raise UserError(
            "Expected a file that python -m dlgn_tf.claims --output wrote. "
            f"Received: {path}, {getattr(error, 'strerror', None) or error}"
        ) from error


def _record(number, line, kinds):
    """The record in a line; a `ValueError` if it is none of these kinds."""
    try:
        record = elsewhere.parse_json(line, kinds)
        verdict(record)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error
    return record


def verdict(record):
    """The `Verdict` of a record.

    Before there were verdicts, a claim that could not be measured was the only
    one without `holds`.
    """
    before = {True: Verdict.HOLDS, False: Verdict.FAILS}
    return Verdict(
        record.get("verdict")
        or before.get(record.get("holds"), Verdict.NOT_MEASURED)
    )


def _plain(value):
    """`value` in what JSON has: no arrays, no numbers that are not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

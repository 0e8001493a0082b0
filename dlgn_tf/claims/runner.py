"""Measures claims one after the other, whatever becomes of each."""

import dataclasses
import time
import traceback

from dlgn_tf.claims.registry import Claim
from dlgn_tf.claims.verdicts import Measurement, NotMeasured


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A claim that was measured, with its seed and how long it took."""

    claim: Claim
    # Of a claim that raised, one that does not hold and names the error.
    measurement: Measurement
    seed: int
    seconds: float

    @property
    def verdict(self):
        return self.measurement.verdict


def measure(claim, seed=0, results_dir="results", data_dir=None):
    """Measures one claim: `Outcome`.

    An exception counts as "does not hold", so that it hides no other claim;
    its traceback is kept in the measurement's values. Claims that read results
    or data read those of the two folders.
    """
    began = time.perf_counter()
    try:
        measurement = claim.measurement(seed, results_dir, data_dir)
    except NotMeasured as reason:
        measurement = Measurement(None, str(reason), was_measured=False)
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        measurement = Measurement(
            holds=False,
            measured=text if len(text) <= 200 else f"{text[:200]}...",
            values={"traceback": traceback.format_exc()},
        )
    return Outcome(claim, measurement, seed, time.perf_counter() - began)

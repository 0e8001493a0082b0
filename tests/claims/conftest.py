"""Claims of the tests' own."""

import dataclasses

import pytest

from dlgn_tf.claims import registry
from dlgn_tf.claims.verdicts import Measurement


@pytest.fixture
def empty_registry(monkeypatch):
    """Leaves the registered claims out for the duration of a test."""
    monkeypatch.setattr(registry, "_CLAIMS", {})


class AsMeasured:
    """The check of claims that say themselves what became of them."""

    def __str__(self):
        return "one"

    def decide(self, measurement):
        return measurement


@pytest.fixture
def register(empty_registry):
    """A function that registers a claim, one that holds unless told."""

    def register_claim(claim_id, measure=None, scale="seconds", **reads):
        if measure is None:

            def measure(rng):
                return Measurement(True, "1", {"drawn": rng.random()})

        claim = registry.register(
            claim_id,
            measure,
            scale=scale,
            statement="It is.",
            expected={"x": "== 1"},
            **reads,
        )
        claim = dataclasses.replace(claim, check=AsMeasured())
        registry._CLAIMS[claim_id] = claim

    return register_claim

"""Claims of the tests' own."""

import pytest

from dlgn_tf.claims import registry


@pytest.fixture
def empty_registry(monkeypatch):
    """Leaves the registered claims out for the duration of a test."""
    monkeypatch.setattr(registry, "_CLAIMS", {})


@pytest.fixture
def register(empty_registry):
    """A function that registers a claim, one that holds unless told."""

    def register_claim(
        claim_id, measure=None, scale="seconds", reads_results=False
    ):
        if measure is None:

            def measure(rng):
                return registry.Measurement(True, "1", {"drawn": rng.random()})

        registry.claim(
            claim_id,
            scale=scale,
            statement="It is.",
            expected="one",
            reads_results=reads_results,
        )(measure)

    return register_claim

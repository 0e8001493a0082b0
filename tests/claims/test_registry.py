"""Registering and selecting claims."""

import numpy as np
import pytest

from dlgn_tf.claims import registry
from dlgn_tf.errors import UserError


def ids(claims):
    return [claim.id for claim in claims]


@pytest.mark.usefixtures("empty_registry")
def test_a_claim_is_registered():
    claim = registry.register(
        "dlgn.3",
        abs,
        scale="minutes",
        statement="It is.",
        expected={"x": ["< 1", "as drawn"]},
    )
    assert registry.claims() == [claim]
    assert claim.measure is abs
    assert (claim.id, claim.paper, claim.number) == ("dlgn.3", "dlgn", 3)
    assert (claim.scale, claim.statement, claim.expected) == (
        "minutes",
        "It is.",
        "x < 1 (as drawn)",
    )


def test_an_id_is_registered_once(register):
    register("dlgn.3")
    with pytest.raises(ValueError, match="new id .* 'dlgn.3', taken by"):
        register("dlgn.3")
    assert ids(registry.claims()) == ["dlgn.3"]


@pytest.mark.parametrize(
    "claim_id",
    ["dlgn", "dlgn.", "dlgn.0", "dlgn.03", "dlgn.3a", "Dlgn.3", ".3"],
)
def test_malformed_ids_are_refused(register, claim_id):
    with pytest.raises(ValueError, match="Expected PAPER.NUMBER"):
        register(claim_id)


def test_rows_that_cannot_be_are_refused(register):
    with pytest.raises(ValueError, match="scale.*Received: scale='hours'"):
        register("dlgn.3", scale="hours")
    with pytest.raises(TypeError, match="sacle"):
        registry.register("own.1", abs, sacle="seconds", expected={"x": "> 1"})
    with pytest.raises(ValueError, match="Expected a condition such as"):
        registry.register(
            "own.1", abs, scale="seconds", statement="", expected={"x": "1"}
        )


def test_claims_are_ordered_by_paper_and_number(register):
    for claim_id in ("tian.2", "dlgn.10", "dlgn.9", "tian.1"):
        register(claim_id)
    assert ids(registry.claims()) == ["dlgn.9", "dlgn.10", "tian.1", "tian.2"]
    assert ids(registry.claims("tian")) == ["tian.1", "tian.2"]


def test_a_scale_takes_the_quicker_claims_too(register):
    register("dlgn.1", scale="minutes")
    register("dlgn.2", scale="seconds")
    register("dlgn.3", scale="accelerator")
    found = [ids(registry.select(scale=scale)) for scale in registry.SCALES]
    assert found == [
        ["dlgn.2"],
        ["dlgn.1", "dlgn.2"],
        ["dlgn.1", "dlgn.2", "dlgn.3"],
    ]


def test_only_takes_the_named_claims_once_and_in_order(register):
    for claim_id in ("dlgn.1", "dlgn.2", "dlgn.3"):
        register(claim_id)
    found = registry.select(only=["dlgn.3", "dlgn.1", "dlgn.3"])
    assert ids(found) == ["dlgn.1", "dlgn.3"]


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"paper": "dlng"}, "one of dlgn, tian. The nearest are dlgn. "),
        ({"only": ["dlgn.11"]}, "The nearest are dlgn.1. Received: dlgn.11"),
        ({"paper": "dlgn", "only": ["tian.1"]}, "Unknown claim of paper dlgn"),
        ({"only": ["dlgn.1", "tian.1"]}, "tian.1 takes longer. Expected --sc"),
        ({"paper": "tian"}, "tian.1 .*--scale=minutes. Received: --scale=sec"),
    ],
)
def test_what_cannot_be_selected_is_a_mistake_of_the_user(
    register, arguments, text
):
    register("dlgn.1")
    register("tian.1", scale="minutes")
    register("tian.2", scale="accelerator")
    with pytest.raises(UserError, match=text):
        registry.select(**arguments)


def test_random_numbers_follow_from_seed_and_id_alone(register):
    register("dlgn.1")
    register("dlgn.2")
    first, second = registry.claims()
    drawn = first.generator(0).random(5)
    second.generator(0).random(7)
    np.testing.assert_array_equal(first.generator(0).random(5), drawn)
    assert not np.any(second.generator(0).random(5) == drawn)
    assert not np.any(first.generator(1).random(5) == drawn)


def test_registering_the_package_claims_imports_no_framework(printed_by):
    code = (
        "import sys\n"
        "from dlgn_tf.claims import __main__, registry\n"
        "registry.register_papers()\n"
        "assert len(registry.claims('dlgn')) >= 5\n"
        "assert not {'tensorflow', 'keras', 'sklearn'} & set(sys.modules)\n"
    )
    assert printed_by(code) == ""

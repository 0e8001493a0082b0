"""What a run reads of its checkpoint to go on."""

import dataclasses
from unittest import mock

import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.training import summaries
from dlgn_tf.training.records import Records

TOTALS = {
    "images": 8,
    "steps": 2,
    "classification_loss": 1.5,
    "regularization_loss": 0.0,
    "errors": 3.0,
}


def restored(totals, best_step=2):
    state = {"totals": totals, "best_accuracy": 0.5, "best_step": best_step}
    records = Records(mock.Mock(), mock.MagicMock(), mock.Mock(write_errors=()))
    records._mend_best = lambda: None
    records._checkpoints = mock.Mock(
        never_finished=lambda: False,
        restore_newest=lambda _: (2, state),
    )
    assert records.restore()
    return records.totals


@pytest.mark.parametrize("more", [{}, {"orthogonality_loss": 0.25}])
def test_totals_are_those_of_the_checkpoint(more):
    totals = restored({**TOTALS, **more})
    assert (totals.images, totals.errors) == (8, 3.0)
    assert totals.orthogonality_loss == more.get("orthogonality_loss", 0.0)


@pytest.mark.parametrize(
    "wrong", [{"errors": "3"}, {"orthogonality_loss": "0.25"}, {"other": 1}]
)
def test_totals_of_another_kind_are_refused(wrong):
    with pytest.raises(UserError, match="Expected a checkpoint's manifest"):
        restored({**TOTALS, **wrong})


def test_a_best_step_of_another_kind_is_refused():
    """Nothing would be of that step, and best.keras would be deleted."""
    with pytest.raises(UserError, match="Expected a checkpoint's manifest"):
        restored(TOTALS, "2")


def test_hyper_parameters_are_flags(resolve):
    """And not the description of a network of one's own."""
    config = resolve(
        "--dataset=digits", "--learning_rates=1,2", "--boundaries=3"
    )
    own = dataclasses.replace(config, network={"class_name": "Functional"})
    shown = summaries._hyper_parameters(own)
    assert shown["learning_rates"] == "1.0,2.0" and shown["width"] == 128
    assert shown == summaries._hyper_parameters(config)

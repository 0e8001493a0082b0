"""A gate site is asked for once, whatever happens there; see test_forward."""

import keras
import pytest

from dlgn_tf.models import sites

ALL = [
    sites.Activate,
    sites.RecordAndActivate,
    sites.RecordAndPass,
    sites.MultiplyByGate,
]


@pytest.mark.parametrize("policy", ALL)
def test_one_site_is_one_gate(policy):
    site, entering = policy(), keras.Input((3, 4))
    site(entering, "a")
    site(entering, "b")
    with pytest.raises(ValueError, match="Received: name='a' twice"):
        site(entering, "a")
    assert site.names == ["a", "b"]

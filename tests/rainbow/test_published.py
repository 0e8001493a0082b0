"""Published figures stand beside networks of published options alone."""

import pytest

from dlgn_tf import config as config_lib
from dlgn_tf.rainbow.published import resampled


@pytest.mark.parametrize(
    "arguments,printed",
    [
        (["--model=plaincnn_dnn"], (0.574, 0.403, None)),
        (["--model=plaincnn_dnn", "--norm=post"], ()),
        (["--model=plaincnn_dnn", "--nograyscale"], ()),
        (["--model=plaincnn_dgn"], ()),
        (["--model=mlp_dnn", "--width=64"], ()),
        (["--model=scattering7_dnn", "--width=32"], (0.911, 0.763, 0.8168)),
        (["--model=scattering7_dnn", "--noskip"], ()),
    ],
)
def test_options(arguments, printed):
    found = resampled(config_lib.from_flags(*arguments))
    ways = "trained", "resampled", "resampled, new head"
    assert found == dict(zip(ways, printed, strict=False))

"""Published figures stand beside networks of published options alone."""

import pytest

from dlgn_tf import config as config_lib
from dlgn_tf.rainbow.published import resampled


@pytest.mark.parametrize(
    "arguments,expected",
    [
        (["--model=plaincnn_dnn"], (0.574, 0.403, None)),
        (["--model=plaincnn_dnn", "--norm=post"], None),
        (["--model=plaincnn_dnn", "--nograyscale"], None),
        (["--model=plaincnn_dgn"], None),
        (["--model=mlp_dnn", "--width=64"], None),
        (["--model=scattering7_dnn", "--width=32"], (0.911, 0.763, 0.8168)),
        (["--model=scattering7_dnn", "--noskip"], None),
    ],
)
def test_options(arguments, expected):
    assert resampled(config_lib.from_flags(*arguments)) == expected

"""complexity.19: the panels of a feature."""

import tempfile
from pathlib import Path

import numpy as np

from dlgn_tf.complexity import panels
from dlgn_tf.output.folder import Output

ORDERS, SIDE, CHANNELS = (4, 7, 13), 8, 6
_PNG = b"\x89PNG\r\n\x1a\n"


def measure(rng):
    feature = rng.normal(size=(SIDE, SIDE, CHANNELS))
    # Strong in one channel, often positive in another.
    feature[..., 1] *= 10
    feature[..., 4] = np.abs(feature[..., 4]) * 0.1
    outputs = feature + rng.normal(size=(len(ORDERS), *feature.shape))
    shown = panels.panels(
        rng.integers(0, 256, (32, 32, 3)), ORDERS, feature, outputs
    )
    figure = panels.draw(shown, "planted")
    drawn = [
        image
        for axes in figure.axes
        for image in axes.get_images()
        if image.get_array().ndim == 2
    ]
    ranges = {image.get_clim() for image in drawn}
    kinds = {(x.get_cmap().name, x.get_interpolation()) for x in drawn}
    with tempfile.TemporaryDirectory() as folder:
        Output(folder).picture("panels", figure)
        whole = (Path(folder) / "panels.png").read_bytes().startswith(_PNG)
    return {
        "is a PNG": whole,
        "channel": shown.channel,
        "panels": len(drawn),
        "ranges of colours": len(ranges),
        "least + most": [least + most for least, most in ranges],
        "most": [most for _, most in ranges],
        "not interpolated, in their colours": (
            kinds == {(panels.COLOURS, "nearest")}
        ),
        "channels": CHANNELS,
    }

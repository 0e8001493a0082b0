"""Which pixels can reach a unit, whatever the weights are."""

import numpy as np

from dlgn_tf.inspection import spectra
from dlgn_tf.inspection.derivative import derivative
from dlgn_tf.inspection.site_map import SiteMap
from dlgn_tf.inspection.units import Units


def receptive_field(model, site, positions="center"):
    """Bounding box of the pixels that can reach a site, position by position.

    That of the architecture: with positive weights in place of the model's, no
    two ways from a pixel to a unit cancel, and no ReLU is off. In a network
    with circular padding it wraps around, and the box is then that of the
    pieces. Site, positions and errors are as for `templates.templates`; the
    result is an integer array `(positions, 4)`, see `spectra.support`.
    """
    site_map = SiteMap(model, site, positive=True)
    if len(site_map.shape) == 1:
        positions = None
    units = Units.of(site_map, positions, [0])
    image = np.ones(site_map.image_shape)
    return spectra.support(derivative(site_map, units, image))

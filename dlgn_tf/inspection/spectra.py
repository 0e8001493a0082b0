"""What templates look like: their frequencies and their extent.

All functions take arrays `(rows, height, width, channels)`, such as
`Templates.normalized_weights`, and know nothing of models.
"""


def radial_power(weights):
    """Power by spatial frequency.

    Args:
        weights: Array `(rows, height, width, channels)`.

    Returns:
        `(frequencies, power)`: float64 arrays `(bins,)`, the middle of each ring
        in cycles per pixel from 0 to at most sqrt(1/2), and `(rows, bins)`, the
        share of each template's energy (sum of squares) in the ring; rows sum
        to 1, or are 0 for a template of zeros.
    """
    raise NotImplementedError


def low_frequency_share(weights, cutoff=0.125):
    """Share of each template's energy at frequencies up to a cutoff.

    Args:
        weights: Array `(rows, height, width, channels)`.
        cutoff: Float, in cycles per pixel; 0.5 is the highest along an axis.
            The default, a period of 8 pixels, is assumed.

    Returns:
        float64 array `(rows,)`, from 0 to 1.
    """
    raise NotImplementedError


def support(weights):
    """Bounding box of all pixels at which a template is not zero.

    Args:
        weights: Array `(rows, height, width, channels)`.

    Returns:
        Integer array `(rows, 4)`: first row, first column, and one past the
        last of each; all 0 for a template of zeros.
    """
    raise NotImplementedError


def effective_size(weights, share=0.9):
    """Side of the smallest square window that holds a share of the energy.

    Args:
        weights: Array `(rows, height, width, channels)`.
        share: Float in (0, 1].

    Returns:
        Integer array `(rows,)`; 0 for a template of zeros. The window may lie
        anywhere within the image.
    """
    raise NotImplementedError

"""What the paper and its authors' notebooks print, beside what is measured.

Source: "A Rainbow in Deep Network Black Boxes" (arXiv 2305.18512), the
notebooks of its repository. Imports nothing heavy.
"""

# What is printed: accuracies of trained networks, of resampled ones, and of
# these with a retrained classifier (None: not published). By model and width.
WAYS = ("trained", "resampled", "resampled, new head")
RESAMPLED = {
    ("plaincnn_dnn", 32): (0.574, 0.403, None),
    ("mlp_dnn", 512): (0.424, 0.306, None),
    ("scattering7_dnn", 8): (0.880, 0.548, 0.6715),
    ("scattering7_dnn", 16): (0.897, 0.672, 0.7713),
    ("scattering7_dnn", 32): (0.911, 0.763, 0.8168),
    ("scattering7_dnn", 64): (0.916, 0.814, 0.8552),
    ("scattering7_dnn", 128): (0.919, 0.840, 0.8755),
    ("scattering7_dnn", 256): (0.919, 0.847, 0.8872),
}


def resampled(config):
    """What is printed of a network: dict from `WAYS` to accuracies or None.

    Empty of a `Config` with other options than those of the paper.
    """
    as_published = config.norm in (None, "none") and config.skip in (None, True)
    printed = RESAMPLED.get((config.model, config.width))
    if not printed or not as_published or config.grayscale is False:
        return {}
    return dict(zip(WAYS, printed, strict=True))

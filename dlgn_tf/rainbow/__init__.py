"""Rainbow networks: weight covariances, alignment, resampling.

Importing it imports nothing heavy; a class's or function's module is imported
when it is asked for.

Source: Guth, Menard, Rochette and Mallat, "A Rainbow in Deep Network Black
Boxes", arXiv 2305.18512.
"""

from dlgn_tf import lazy

__getattr__, __all__ = lazy.names(
    __name__,
    {
        "Alignment": "alignment",
        "InfiniteNetwork": "infinite_network",
        "LayeredNetwork": "learned_layers",
        "WeightCovariances": "covariance",
        "align": "alignment",
        "along_eigenvectors": "dynamics",
        "clipping_curve": "low_rank",
        "explained_fraction": "alignment",
        "in_batches": "moments",
        "resample": "resampling",
        "retrain_head": "heads",
        "weight_covariances": "covariance",
        "whiten": "spectra",
    },
)

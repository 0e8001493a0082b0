"""Feature components of graded complexity.

A feature of a trained network is split by the number of nonlinear layers that
it takes to compute it; the parts are then measured: how large they are, how
much they help, how far they over-fit, how reliable they are. Importing it
imports nothing heavy; a class's or function's module is imported when it is
asked for.

Source: Ren, Li, Liu and Zhang, "Interpreting and Disentangling Feature
Components of Various Complexity from DNNs" (arXiv 2006.15920).
"""

from dlgn_tf import lazy

__getattr__, __all__ = lazy.names(
    __name__,
    {
        "Components": "components",
        "CycleSettings": "cycle",
        "Distillation": "distillation",
        "Effectiveness": "effectiveness",
        "Feature": "features",
        "Ladder": "ladder",
        "Significance": "components",
        "measure_effectiveness": "effectiveness",
        "feature_of": "features",
        "measure_reliability": "reliability",
        "measure_significance": "components",
        "train_ladder": "ladder",
        "train_shared": "reliability",
    },
)

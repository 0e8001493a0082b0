"""Feature components of graded complexity.

A feature of a trained network is split by the number of nonlinear layers that
it takes to compute it; the parts are then measured: how large they are, how
much they help, how far they over-fit, how reliable they are. Importing it
imports nothing heavy; a class's or function's module is imported when it is
asked for.

Source: Ren, Li, Liu and Zhang, "Interpreting and Disentangling Feature
Components of Various Complexity from DNNs" (arXiv 2006.15920).
"""

import importlib

_MODULES = {
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
}
__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    return getattr(module, name)

"""Where claims are: each module registers its own by being imported."""

import importlib

CLAIM_MODULES = (
    "dlgn_tf.claims.gated_networks",
    "dlgn_tf.claims.tables",
    "dlgn_tf.dual.claims",
    "dlgn_tf.splines.claims",
    "dlgn_tf.locality.claims",
    "dlgn_tf.complexity.claims",
    "dlgn_tf.rainbow.claims",
)


def register_all():
    """Registers the claims of every paper."""
    for module in CLAIM_MODULES:
        importlib.import_module(module)

"""Where claims are: each module registers its own by being imported."""

CLAIM_MODULES = (
    "dlgn_tf.claims.gated_networks",
    "dlgn_tf.claims.published_tables",
    "dlgn_tf.dual.claims",
    "dlgn_tf.splines.claims",
    "dlgn_tf.locality.claims",
    "dlgn_tf.complexity.claims",
    "dlgn_tf.rainbow.claims",
)

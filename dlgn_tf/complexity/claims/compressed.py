"""complexity.17: a network, compressed and distilled."""

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.complexity import tables
from dlgn_tf.complexity.claims import workshops
from dlgn_tf.complexity.experiments import compression

# Networks of 100 and of 1,000 images differ by 0.13 to 0.20 (complexity.13).
MOST_CHANGE = 0.05


def measure(rng):
    workshop = workshops.of_shapes()
    (seed,) = workshops.seeds(rng, 1)
    scale = workshop.scale
    three, what = compression.measure(
        workshop, scale.compressed_depth, scale.compressed_count, seed
    )
    changes = {
        kind: compression.profile_change(three["original"], three[kind])
        for kind in ("compressed", "distilled")
    }
    shown = "; ".join(
        f"{kind} accuracy {each.accuracy:.1f} %, "
        f"{tables.shown(each.significance)}"
        for kind, each in three.items()
    )
    low = {k: float(v.significance.profile[0]) for k, v in three.items()}
    return Measurement(
        holds=holds(what, low, changes),
        measured=(
            f"{what.zeros:.1%} zeros, at most {max(what.counts.values())} "
            "other values; total variation from the original's profile: "
            f"compressed {changes['compressed']:.3f}, distilled "
            f"{changes['distilled']:.3f}; {shown}"
        ),
        values={
            "zeros": what.zeros,
            "values_by_layer": what.counts,
            "share_of_order_4": low,
            "profile_changes": changes,
        },
    )


def holds(what, low, changes):
    """Whether claim 17 holds.

    Args:
        what: `Compressed`; the layer `logits` is its dense one.
        low: Dict from kind to the share of order 4 of the profile.
        changes: Dict from kind to the total variation between its profile and
            the original's.
    """
    bounded = all(
        count <= 2 ** (5 if layer == "logits" else 8)
        for layer, count in what.counts.items()
    )
    return bool(
        what.zeros > 0
        and bounded
        and changes["compressed"] < MOST_CHANGE
        # A profile that nothing changes would tell nothing.
        and changes["compressed"] < changes["distilled"] / 2
        and low["distilled"] > low["original"]
    )

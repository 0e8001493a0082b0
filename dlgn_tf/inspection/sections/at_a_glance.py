"""The network at a glance: what it is, how good it is, where its gates are."""

import math

from dlgn_tf.inspection.page import number
from dlgn_tf.inspection.page import percent

_FAMILIES = {
    "dnn": "A plain ReLU network. A unit's ReLU multiplies its pre-activation "
    "by 1 or by 0; that factor is its gate, so the network is its own gating "
    "network and its own value network.",
    "dgn": "A deep gated network: a gating network with ReLUs says which units "
    "are on, a value network without ReLUs computes with them. Its units "
    "multiply their pre-activation by the gate they are given.",
    "dlgn": "A deep linearly gated network: a gating network without any "
    "nonlinearity says which units are on, a value network computes with them. "
    "Every gate is a function of one linear map of the image.",
    "dlgn_sf": "A deep linearly gated network with shallow features: every "
    "gate comes from a single linear layer of its own on the image, and a "
    "value network computes with the gates.",
}
_EXACT = (
    "What is exact here: every pre-activation of the gating network is q = "
    "<T, x> + b, with a template T that holds for all images; given its gates, "
    "the value network is linear, so a logit is a sum over the units of any "
    "site."
)
_LOCAL = (
    "The primal view does not hold for this family: beyond the first gate site "
    "there is no template that is right for all images, because ReLUs lie "
    "before it. Templates of such sites are local linearisations at one image, "
    "and are named so. Exact all the same: the gates and their statistics, the "
    "decomposition of logits given the gates, and what happens when gates are "
    "switched."
)
_MOST_LISTED = 24


def add(report):
    task, page = report.task, report.page
    page.section("The network at a glance")
    right = (task.predicted == task.images.labels).mean()
    shapes = task.model.site_shapes
    page.facts(
        [
            (percent(right), f"right of {len(task.images):,} test images"),
            (f"{task.model.count_params():,}", "weights"),
            (f"{len(shapes):,}", "gate sites"),
            (f"{sum(map(math.prod, shapes.values())):,}", "gates an image"),
            (f"{task.dataset.classes:,}", "classes"),
        ]
    )
    page.text(_FAMILIES[task.family])
    if len(task.affine_sites) == len(shapes):
        page.text(_EXACT)
    elif task.linear_gates:
        page.note(
            "Something in this gating network is not linear (max pooling), so "
            f"templates are local beyond it. {_LOCAL}"
        )
    else:
        page.note(_LOCAL)
    page.table(["property", "value"], _properties(task))
    _sites(report)


def _properties(task):
    """Rows of what decides how the gates are made and used."""
    model = task.model
    size = "x".join(map(str, model.image_shape))
    rows = [("images", f"{size}, {task.dataset.name}")]
    gate = getattr(model, "gate", None)
    if gate is None:
        own = "hard, its own ReLU: 1 if q > 0, else 0"
        if model.activation != "relu":
            own = f"soft, its own: what {model.activation} multiplies q by"
        rows.append(("gate", own))
        return rows
    soft = f"soft: {number(1 + gate.epsilon)} · sigmoid({gate.beta:g} q)"
    hard = "hard: 1 if q > 0, else 0"
    rows.append(("gate", soft if gate.kind == "soft" else hard))
    learned = model.gating_network.trainable
    rows.append(
        ("gating network", "learned with the values" if learned else "frozen")
    )
    sees = "the image" if model.value_input == "image" else "a constant, ones"
    rows.append(("the value network sees", sees))
    if model.gate_permutation:
        order = ", ".join(map(str, model.gate_permutation))
        rows.append(("gates in the order", order))
    return rows


def _sites(report):
    """The table of gate sites: all of a shallow network, else the chosen."""
    task, page = report.task, report.page
    found = task.statistics.sites
    rows = [
        {
            "site": site,
            "shape": "x".join(map(str, each.on_at.shape)),
            "affine_in_the_image": task.gate_source(site) in task.affine_sites,
            "on": float(each.on.mean()),
            "dead_channels": len(each.dead),
            "always_on_channels": len(each.always_on),
            "sureness": float(each.sureness),
            "entropy_bits": float(each.entropy),
        }
        for site, each in found.items()
    ]
    report.csv("sites", rows)
    shown = rows
    if len(rows) > _MOST_LISTED:
        shown = [row for row in rows if row["site"] in task.sites]
        page.text(
            f"{len(shown)} of the {len(rows)} gate sites, from the image to "
            "the logits; `sites.csv` has all."
        )
    page.table(
        ["gate site", "shape", "gates on", "channels never on", "always on"],
        [
            (
                f"`{row['site']}`",
                row["shape"],
                percent(row["on"]),
                row["dead_channels"],
                row["always_on_channels"],
            )
            for row in shown
        ],
    )

"""The network at a glance: what it is, how good it is, where its gates are."""

import math

import numpy as np

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.page import number, percent
from dlgn_tf.inspection.site_map import standardizes
from dlgn_tf.models.sites import activation_layer, activations_at

_FAMILIES = {
    "dnn": "A plain ReLU network. A unit's ReLU multiplies its pre-activation "
    "by 1 or by 0; that factor is its gate, so the network is its own gating "
    "network and its own value network.",
    "dgn": "A deep gated network: a gating network with nonlinearities says "
    "which units are on, a value network without them computes. Its units "
    "multiply their pre-activation by the gate they are given.",
    "dlgn": "A deep linearly gated network: a gating network without any "
    "nonlinearity says which units are on, a value network computes with them. "
    "Every gate is a function of one linear map of what the network sees.",
    "dlgn_sf": "A deep linearly gated network with shallow features: every "
    "gate comes from a single linear layer of its own on the image, and a "
    "value network computes with the gates.",
}
_ENSEMBLE = (
    "An ensemble of plain networks in one model. Each has one gate site, its "
    "units multiply their pre-activation by their own gate."
)
_OTHER_UNITS = (
    "A plain network with another nonlinearity than the ReLU. What a unit "
    "multiplies its pre-activation by is its gate, so the network is its own "
    "gating network and its own value network."
)
_TEMPLATES = (
    "What is exact here: every pre-activation that makes a gate is q = <T, x> "
    "+ b, with a template T that holds for all images x{seen}."
)
_LOCAL = (
    "The primal view does not hold here: at {where} there is no template that "
    "is right for all images, because something that is not linear lies before "
    "it. Templates of such sites are local linearisations at one image, and "
    "are named so. Exact all the same: the gates and their statistics, and "
    "what happens when gates are switched."
)
_LOGITS = (
    "Given the gates, logits are linear in what the network sees: each is a "
    "sum over the units of any site, exactly."
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
            (f"{sum(map(math.prod, shapes.values())):,}", "gates per image"),
            (f"{task.dataset.classes:,}", "classes"),
        ]
    )
    page.text(_kind(task))
    _what_is_exact(task, page)
    page.table(["property", "value"], _properties(task))
    _sites(report)


def _kind(task):
    """What kind of network it is, in words."""
    if task.model.members > 1:
        return _ENSEMBLE
    if getattr(task.model, "activation", "relu") != "relu":
        return _OTHER_UNITS
    return _FAMILIES[task.family]


def _what_is_exact(task, page):
    sites = len(task.model.site_names)
    if len(task.affine_sites) == sites:
        apart = standardizes(task.model.normalization)
        seen = ", once they are standardised one by one" if apart else ""
        page.text(_TEMPLATES.format(seen=seen))
    else:
        count = sites - len(task.affine_sites)
        page.note(_LOCAL.format(where=f"{count:,} of {sites:,} gate sites"))
    if isinstance(task.dual_view, UserError):
        page.note(f"Logits are not taken apart. {task.dual_view}")
    else:
        page.text(_LOGITS)


def _properties(task):
    """Rows of what decides how the gates are made and used."""
    model = task.model
    size = "x".join(map(str, model.image_shape))
    rows = [("images", f"{size}, {task.dataset.name}")]
    formula = model.gate_at(model.site_names[0]).formula
    if not model.gated:
        rows.append(("gate", f"its own, {formula}"))
        return rows
    rows.append(("gate", formula))
    learned = model.gating_network.trainable
    rows.append(
        ("gating network", "learned with the values" if learned else "frozen")
    )
    activation = _activation(model)
    if activation:
        rows.append(("nonlinearity of the gating network", activation))
    sees = "the image" if model.value_input == "image" else "a constant, ones"
    rows.append(("the value network sees", sees))
    if model.gate_permutation:
        order = ", ".join(map(str, model.gate_permutation))
        rows.append(
            (
                "gate permutation",
                f"{order}: value sites, from the first on, use the gates of "
                "these sites of the gating network, counted from 0",
            )
        )
    return rows


def _activation(model):
    """Name of the nonlinearity of a gating network, None of a linear one."""
    # The last site's leads nowhere.
    network = model.gating_network
    found = activations_at(network, model.site_names)
    if not found:
        return None
    name = ", ".join(dict.fromkeys(found.values()))
    layers = [network.get_layer(activation_layer(*x)) for x in found.items()]
    betas = [np.ravel(x.beta) for x in layers if hasattr(x, "beta")]
    if not betas:
        return name
    least, most = np.min(np.hstack(betas)), np.max(np.hstack(betas))
    return f"{name}, beta {number(float(least))} to {number(float(most))}"


def _sites(report):
    """The table of gate sites: all of a shallow network, else the chosen."""
    task, page = report.task, report.page
    statistics = task.statistics.sites
    rows = [
        {
            "site": site,
            "shape": "x".join(map(str, each.on_at.shape)),
            "affine_in_the_image": task.model.gate_source(site)
            in task.affine_sites,
            "on": float(each.on.mean()),
            "dead_channels": len(each.dead),
            "always_on_channels": len(each.always_on),
            "sureness": float(each.sureness),
            "entropy_bits": float(each.entropy),
        }
        for site, each in statistics.items()
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

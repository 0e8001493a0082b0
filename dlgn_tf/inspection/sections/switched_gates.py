"""Interventions: what is lost when the gates of a site are switched."""

from dlgn_tf.errors import UserError
from dlgn_tf.inspection import interventions
from dlgn_tf.inspection.page import percent
from dlgn_tf.models import evaluation

_FROM_OUTSIDE = (
    "What the network says when all gates of one site are set, the others "
    "being left as they are."
)
_OWN = (
    "What the network says when all gates of one site are set. Its gates are "
    "those of its own units, so the gates of later sites respond."
)
_SETTINGS = (
    "Off cuts every path through the site; set to its mean over the images, a "
    "gate still lets values pass but no longer depends on the image, so what "
    "is lost is what the site's gates knew about it."
)
_SAID = {"off": "all off", "mean": "to their mean", "on": "all on"}


def add(report):
    task, page = report.task, report.page
    page.section("Interventions: switching gates")
    page.text(f"{_FROM_OUTSIDE if task.family != 'dnn' else _OWN} {_SETTINGS}")
    switches = [
        interventions.Switch(site, to)
        for site in task.sites
        for to in ("off", "mean")
    ]
    try:
        effects = interventions.interventions(
            task.model,
            task.images,
            switches,
            batch_size=evaluation.fitting(task.model, task.memory_gib, 100),
        )
    except UserError as error:
        page.note(f"Not measured. {error}")
        return
    report.csv("interventions", interventions.rows(effects))
    page.table(
        [
            "gate site",
            "gates",
            "accuracy",
            "change",
            "predictions changed",
            "true logit change",
            "mean |logit change|",
        ],
        [_row(effect) for effect in effects],
        f"Over {effects[0].images:,} test images; untouched, "
        f"{percent(effects[0].baseline_accuracy)} are right.",
    )


def _row(effect):
    change = effect.accuracy - effect.baseline_accuracy
    return (
        f"`{effect.site}`",
        _SAID[effect.to],
        percent(effect.accuracy),
        f"{100 * change:+.1f}",
        percent(effect.changed_predictions),
        f"{effect.mean_logit_change:+.2f}",
        f"{effect.mean_absolute_logit_change:.2f}",
    )

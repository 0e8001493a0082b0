"""Gate sites by name: checked, and chosen from the first to the last."""

from dlgn_tf.errors import UserError, nearest

# Names that a message lists one by one.
_MOST_LISTED = 20


def check_site(site, names):
    """Raises a `UserError` that lists the gate sites if `site` is none of them.

    Of more than 20 it lists the first and last three, and the nearest names.
    """
    names = list(names)
    if site in names:
        return
    listed = ", ".join(names)
    if len(names) > _MOST_LISTED:
        listed = (
            f"{', '.join(names[:3])}, ..., {', '.join(names[-3:])}, "
            f"{len(names)} in all. {nearest(site, names)}".rstrip(". ")
        )
    raise UserError(f"Expected a gate site, one of {listed}. Received: {site}")


def check_has_sites(model):
    """Raises a `UserError` if a network has no gates to look at."""
    if not model.site_names:
        raise UserError(
            "Expected a network with gate sites. Received: "
            f"{model.name}, whose nonlinearity is none of gates"
        )


def chosen_sites(model, given=None, count=None):
    """The sites that are given, each once, or `count` if none are.

    Args:
        model: `ImageClassifier`.
        given: Sequence of names, or None.
        count: Integer >= 1, how many are chosen if none are given, from the
            first to the last. Defaults to all.

    Returns:
        Tuple of names.

    Raises:
        UserError: if a network has no gates, or none of such a name.
    """
    check_has_sites(model)
    names = model.site_names
    chosen = tuple(dict.fromkeys(() if given is None else given))
    for site in chosen:
        check_site(site, names)
    return chosen or evenly(names, count or len(names))


def evenly(items, count):
    """At most `count` of a sequence, evenly from its first to its last."""
    if len(items) <= count:
        return tuple(items)
    step = (len(items) - 1) / max(count - 1, 1)
    return tuple(items[round(k * step)] for k in range(count))

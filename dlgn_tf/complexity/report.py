"""The short report of a command: what was found, on what, and what it means."""

import textwrap

from dlgn_tf.output import origin

TITLE = "report.md"

# Said in every report.
RELATIVE = (
    "**How to read the shares.** A net of l ReLU layers that was trained for a "
    "finite time is not the best net of l ReLU layers: even orders above the "
    "network's own depth leave a remainder. Shares are a profile under one "
    "training budget, to be compared with others under the same budget, and no "
    "absolute measure; nets with a remainder above 1 fit worse than a "
    "constant, and a reliability above 1 is no share: its back maps have not "
    "been trained for long enough. Shares need not add up to 1: the gap, 1 - "
    "sum of rho_c - rho_rem, is twice the covariances over the feature's "
    "variance."
)
# Where tables have intervals of shares.
INTERVALS = (
    "Columns NAME_low and NAME_high of the tables are 95% intervals of a share "
    "over images drawn again (bootstrap): how far the images decide, and not "
    "how far the training of networks and nets does, which seeds say."
)
# Where components or their nets are scored with labels.
UNLABELLED = (
    "**Confound.** Disentangler nets are trained on all images, without "
    "labels, where the network saw only its own: part of any gain is that of "
    "distillation on unlabelled data."
)
OWN_IMAGES = (
    'Rows "own images" are without it: their nets were trained on the '
    "network's own images alone."
)


def write(output, title, paragraphs, facts):
    """Writes a report to an `Output` and says where it is; see `text`."""
    output.text(TITLE, text(title, paragraphs, facts))
    print(f"report, tables and pictures are in {output.directory}")


def text(title, paragraphs, facts):
    """A report in Markdown.

    Paragraphs are prose, tables and pictures; facts a dict of what it was
    measured on and how, such as seeds.
    """
    made = origin.here()
    with_origin = {**facts, "machine": made.machine, "versions": made.versions}
    listed = "\n".join(
        f"- {key}: {value}" for key, value in with_origin.items()
    )
    parts = [f"# {title}", *map(_wrapped, paragraphs), listed]
    return "\n\n".join(parts) + "\n"


def _wrapped(paragraph):
    """Prose in lines of 80; tables and pictures as they are."""
    if paragraph.startswith(("|", "!")):
        return paragraph
    return textwrap.fill(
        paragraph, 80, break_long_words=False, break_on_hyphens=False
    )


def drawn(output, name, figure, alternative):
    """Writes a picture to an `Output`; returns it in Markdown."""
    output.picture(name, figure)
    return f"![{alternative}]({name}.png)"

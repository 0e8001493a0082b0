"""The papers whose methods and claims the package has."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper, and where it is in this package.

    Attributes:
        key: String, the word for it in flags and in the ids of its claims.
        title: String, as pages head their part on it.
        arxiv: String, its arXiv number.
        package: String, name of the package; the paper's claims are in
            PACKAGE.claims.
    """

    key: str
    title: str
    arxiv: str
    package: str


PAPERS = (
    Paper(
        "dlgn",
        "Disentangling deep neural networks with rectified linear units using "
        "duality",
        "2110.03403",
        "dlgn_tf.dual",
    ),
    Paper("smaso", "From Hard to Soft", "1810.09274", "dlgn_tf.splines"),
    Paper(
        "complexity",
        "Feature components of various complexity",
        "2006.15920",
        "dlgn_tf.complexity",
    ),
    Paper(
        "rainbow",
        "A Rainbow in Deep Network Black Boxes",
        "2305.18512",
        "dlgn_tf.rainbow",
    ),
    Paper(
        "tian",
        "Deep and locally connected ReLU network",
        "1809.10829",
        "dlgn_tf.locality",
    ),
    Paper(
        "vectors",
        "Half-Space Feature Learning in Neural Networks",
        "2404.04312",
        "dlgn_tf.tabular",
    ),
)


def keys():
    """The papers' keys on one line: `dlgn, smaso, ... or tian`."""
    *others, last = (paper.key for paper in PAPERS)
    return f"{', '.join(others)} or {last}"

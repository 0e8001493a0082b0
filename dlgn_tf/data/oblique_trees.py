"""Labels of oblique decision trees: SDI, SDII, SDIII and others.

Source: Banerjee et al., "Deep Networks Learn Features From Local
Discontinuities in the Label Function" (ICLR 2025), and their notebooks.
"""

import dataclasses
import typing

import numpy as np

from dlgn_tf.data import catalog
from dlgn_tf.data.images import ImageSet, first_of
from dlgn_tf.data.info import DatasetInfo
from dlgn_tf.errors import UserError


class Task(typing.NamedTuple):
    """A labelled set of vectors and the tree that labels them.

    Attributes:
        tree: `LabelTree`.
        x: Array `(n, inputs)`, vectors of unit length.
        labels: Integer array `(n,)` of 0 and 1.
    """

    tree: "LabelTree"
    x: np.ndarray
    labels: np.ndarray

    def parts(self) -> tuple:
        """`(x, labels)` of training, validation and test points.

        The first half, the next quarter and the last one, as published.
        """
        half, quarter = len(self.x) // 2, len(self.x) // 4
        ends = [
            slice(half),
            slice(half, half + quarter),
            slice(half + quarter, None),
        ]
        return tuple((self.x[part], self.labels[part]) for part in ends)


@dataclasses.dataclass(frozen=True)
class LabelTree:
    """A complete tree of hyperplanes; the label is a leaf's number modulo 2.

    Node k has the children 2k + 1, where `normals[k] . x <= offsets[k]`, and
    2k + 2; so each last hyperplane separates the classes.

    Attributes:
        normals: Array `(2^depth - 1, inputs)` of unit rows.
        offsets: Array `(2^depth - 1,)`; 0 as published.
    """

    normals: np.ndarray
    offsets: np.ndarray

    @property
    def depth(self) -> int:
        return (len(self.normals) + 1).bit_length() - 1

    def path(self, x: np.ndarray) -> np.ndarray:
        """The nodes that points pass, integers `(n, depth + 1)`.

        The last one is the leaf, numbered on from the inner nodes.
        """
        above = x @ self.normals.T > self.offsets
        nodes = [np.zeros(len(x), int)]
        for _ in range(self.depth):
            node = nodes[-1]
            nodes.append(2 * node + 1 + above[np.arange(len(x)), node])
        return np.stack(nodes, axis=1)

    def labels(self, x: np.ndarray) -> np.ndarray:
        """Integers 0 and 1, `(n,)`."""
        return (self.path(x)[:, -1] - len(self.normals)) % 2

    def counts(self, x: np.ndarray) -> np.ndarray:
        """How many of some points pass each inner node, `(2^depth - 1,)`."""
        inner = self.path(x)[:, :-1].ravel()
        return np.bincount(inner, minlength=len(self.normals))


PUBLISHED_SEED = 365


def draw(
    depth: int = 4,
    inputs: int = 20,
    points: int = 40_000,
    seed: int = PUBLISHED_SEED,
    offsets: float = 0.0,
) -> Task:
    """Draws a tree and points, as published by default: SDI.

    Normals and points are standard normal vectors scaled to unit length, from
    NumPy's legacy generator, as the authors' numbers are: all normals first.

    Args:
        depth: Integer >= 1.
        inputs: Integer >= 2.
        points: Integer >= 4.
        seed: Integer.
        offsets: Standard deviation of hyperplanes' distances from the origin,
            which are drawn last.

    Raises:
        UserError: if an argument lies outside its range.
    """
    for name, value, least in (
        ("depth", depth, 1),
        ("inputs", inputs, 2),
        ("points", points, 4),
        ("seed", seed, 0),
        ("offsets", offsets, 0),
    ):
        if not least <= value < float("inf"):
            raise UserError(
                f"Expected {name} >= {least}. Received: {name}={value}"
            )
    generator = np.random.RandomState(seed)
    normals = unit(generator.randn(2**depth - 1, inputs))
    x = unit(generator.randn(points, inputs))
    tree = LabelTree(normals, offsets * generator.randn(len(normals)))
    return Task(tree, x, tree.labels(x))


def named(name: str, seed: int = PUBLISHED_SEED) -> Task:
    """A published task: `"sdi"`, `"sdii"` or `"sdiii"`."""
    info = catalog.get(name)
    points = 2 * (info.train_examples or 0)
    return draw(4, info.image_shape[-1], points, seed)


def read(info: DatasetInfo, wanted: dict) -> tuple[ImageSet, ImageSet]:
    """Training and test points of an entry of the catalogue.

    Args:
        info: `DatasetInfo` whose source is `"drawn:NAME"`.
        wanted: Dict from `"train"` and `"test"` to how many of the first points
            are taken, None for all.
    """
    train, _, test = named(info.name).parts()
    sets = (
        ImageSet(x.astype(np.float32)[:, None, None], labels.astype(np.int32))
        for x, labels in (train, test)
    )
    return first_of(info, wanted, *sets)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to unit length; one of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths == 0, 1, lengths)

"""A student's gradients as differences of a teacher's nodes and its own.

Both networks are fully connected, of the same depth. With f and f* the nodes of
a layer of the student and of the teacher, D and D* their gates, W and W* the
weights to the layer above, and the loss 1/2 |y* - y|^2, what a hidden layer of
the student receives behind its gates is

    g(x) = D(x) [beta*(x) f*(x) - beta(x) f(x)]
    beta*(x) = W H*(x) W*^T,  H*(x) = D(x) beta*(x) D*(x) of the layer above

from H* = I at the outputs downwards; beta is the same of the student and
itself. A bias is the weight of a node that is always 1, the last of each layer
here. Averaged over inputs as one goes down, H = beta o E[d d*^T], the recursion
has one matrix a layer: that is the mean of beta exactly in the upper two hidden
layers, whose beta depends on at most one layer's gates, and below them an
approximation, as if gates of different layers were uncorrelated.

Networks are lists of `(weights (inputs, nodes), biases (nodes,))`, as in
`dlgn_tf.locality.specialization`; all is float64 NumPy.

Source: theorem 1 of "Luck Matters" (arXiv 1905.13405), lemma 1 of "Student
Specialization" (arXiv 1909.13458); the averages are those of facebookresearch/
luckmatters, where they are exact is derived here.
"""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

Layers = Sequence[tuple[Array, Array]]


def gradients(student: Layers, teacher: Layers, inputs: Array) -> list[Array]:
    """g of every hidden layer of the student, by the formula.

    Of inputs `(samples, d)`: a list of arrays `(samples, nodes)`, the lowest
    layer first.
    """
    own, others = nodes(student, inputs), nodes(teacher, inputs)
    pairs = zip(
        relations(student, teacher, inputs),
        relations(student, student, inputs),
        strict=True,
    )
    found = []
    for layer, (to_teacher, to_self) in enumerate(pairs):
        received = np.einsum("xkt,xt->xk", to_teacher, others[layer])
        received -= np.einsum("xks,xs->xk", to_self, own[layer])
        found.append(((own[layer] > 0) * received)[:, :-1])
    return found


def relations(
    student: Layers, teacher: Layers, inputs: Array, averaged: bool = False
) -> list[Array]:
    """beta* of every hidden layer, the lowest first.

    A list of arrays `(samples, nodes + 1, teacher's nodes + 1)`; of arrays
    without the first axis where H is `averaged` over the inputs on the way
    down.
    """
    own, others = (
        [(f > 0).astype(float) for f in nodes(layers, inputs)]
        for layers in (student, teacher)
    )
    H = np.eye(len(student[-1][1]))
    found: list[Array] = []
    for layer in range(len(student) - 1, 0, -1):
        top = layer == len(student) - 1
        W, W_teacher = (_with_bias(x[layer], top) for x in (student, teacher))
        beta = W @ H @ W_teacher.T
        gates, of_teacher = own[layer - 1], others[layer - 1]
        if averaged:
            H = beta * (gates.T @ of_teacher) / len(inputs)
        else:
            H = beta * gates[:, :, None] * of_teacher[:, None]
            beta = np.broadcast_to(beta, H.shape)
        found.insert(0, beta)
    return found


def nodes(layers: Layers, inputs: Array) -> list[Array]:
    """Hidden layers after their ReLU, each with a last node that is 1."""
    found, h = [], inputs
    for weights, biases in layers[:-1]:
        h = np.maximum(h @ weights + biases, 0)
        found.append(np.column_stack([h, np.ones(len(h))]))
    return found


def _with_bias(layer, top):
    """Weights `(nodes + 1, nodes above + 1)`, at the top `(nodes + 1, y)`."""
    weights, biases = layer
    matrix = np.vstack([weights, biases])
    return matrix if top else np.column_stack([matrix, np.eye(len(matrix))[-1]])

"""Constructed ReLU layers beside the best affine maps."""

import numpy as np

from dlgn_tf.locality import constructions, figures, passes, teachers


def run(command, output):
    """Constructed ReLU layers beside the best affine maps."""
    circles, trees = {}, {}
    for rows in (4, 8, 16, 32, 64, 128, 256):
        P, W, b = constructions.circle(rows)
        circles[rows] = (
            constructions.relu_loss(P, W, b),
            constructions.affine_loss(P),
        )
    for pixels in (2, 3, 4, 6, 8):
        inputs = teachers.all_inputs(pixels)
        network = constructions.and_tree(constructions.pixel_fields(pixels))
        made = passes.forward(network, np.eye(2)[inputs])[0][-1][:, 0]
        relu = float(((made - np.eye(len(inputs))) ** 2).sum())
        trees[pixels] = relu, constructions.affine_loss(inputs)
    table = [
        {"construction": name, "size": size, "relu": relu, "affine": affine}
        for name, losses in (("circle", circles), ("and_tree", trees))
        for size, (relu, affine) in losses.items()
    ]
    output.table("linear", table)
    output.picture("linear", figures.linear(circles, trees))
    for row in table:
        print(
            f"{row['construction']} {row['size']}: ReLU {row['relu']:.1e}, "
            f"affine {row['affine']:.6g}"
        )
    return ("linear",)

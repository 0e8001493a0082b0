"""Constructed ReLU layers beside the best affine maps."""

from dlgn_tf.locality import constructions, figures


def run(command, output):
    rows, pixels = (4, 8, 16, 32, 64, 128, 256), (2, 3, 4, 6, 8)
    circles = {m: constructions.circle_losses(m) for m in rows}
    trees = {s: constructions.tree_losses(s) for s in pixels}
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

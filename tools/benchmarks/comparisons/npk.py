"""Neural path kernels against the next best way to the same numbers.

Of hard gates of random networks: for fc and c4gap see `kernel_draws`, for
residual networks the sum over subsets of their blocks.
"""

import statistics

from benchmarks import machine
from benchmarks.kernel_draws import against_gradients, hard, share_of_rate
from benchmarks.rows import Comparison
from benchmarks.trainings import random_images
from benchmarks.turns import timed


def compare(options):
    yield _of_fc(options.rounds)
    # Minutes each.
    yield _of_c4gap(1, options.data_dir)
    yield _of_blocks(options.rounds)


def _of_fc(rounds):
    import numpy as np

    from dlgn_tf.data import sources

    width, depth, count = 1024, 5, 2000
    digits = np.concatenate([s.images for s in sources.load("digits")])
    return against_gradients(
        f"fc, {depth - 1} x {width}, {count} digits",
        hard("fc_dgn", (8, 8, 1), depth=depth, width=width, biases=False),
        # There are 1,797; some come twice.
        np.resize(digits, (count, 8, 8, 1)),
        products=(depth - 1) * width + 64,
        bound=0.5,
        rounds=rounds,
    )


def _of_c4gap(rounds, data_dir):
    from dlgn_tf.data import sources

    count, width = 200, 32
    circular = {"width": width, "padding": "circular", "biases": False}
    if data_dir:
        name = "CIFAR-10 images"
        images, _ = sources.load("cifar10", data_dir, train_examples=count)
    else:
        name, images = "random images 32x32", random_images(count)
    return against_gradients(
        f"c4gap, width {width}, {count} {name}",
        hard("c4gap_dgn", (32, 32, 3), **circular),
        images.images,
        products=1024**2 * (4 * width + 27),
        bound=1.0,
        rounds=rounds,
    )


def _of_blocks(rounds):
    """A residual network of 18 blocks: 2^18 sub-networks."""
    import numpy as np

    from dlgn_tf.dual import residual

    skips, fewer, count, width, bound = 18, 8, 2000, 128, 0.25
    rng = np.random.default_rng(0)
    gates = [
        [(rng.random((count, width)) > 0.5).astype("uint8")]
        for _ in range(skips + 1)
    ]
    inputs = rng.normal(size=(count, 64))

    def by_subsets(product, rest):
        """Each sub-network costs a single elementwise product."""
        if not rest:
            return product
        return by_subsets(product, rest[1:]) + by_subsets(
            product * rest[0], rest[1:]
        )

    def other():
        grams = [
            g.astype("float64") @ g.T.astype("float64") / width
            for (g,) in gates
        ]
        return by_subsets(inputs @ inputs.T * grams[0], grams[1 : fewer + 1])

    def ours(blocks=skips):
        return residual([*gates[: blocks + 1], []], inputs, memory_gib=bound)

    np.testing.assert_allclose(ours(fewer), other(), rtol=1e-10)
    machine.forget_peak()
    before = machine.resident_gib()
    whole = [timed(ours) for _ in range(rounds)]
    peak, rate = machine.peak_gib() - before, machine.matrix_product_rate()
    products = (skips + 1) * width + inputs.shape[1]
    share = share_of_rate(products * count * (count + 1), whole, rate)
    return Comparison(
        f"fcresnet, {skips} blocks of {width}, {count} images",
        f"sum over subsets of {fewer} blocks",
        "sub-networks/s",
        1,
        [(own / 2**skips, timed(other) / 2**fewer) for own in whole],
        f"{statistics.median(whole):.3g} s for all 2^{skips}; {share}; "
        f"{peak:.2f} GiB of {bound} granted; the sum over subsets takes as "
        "long for each with more blocks",
    )

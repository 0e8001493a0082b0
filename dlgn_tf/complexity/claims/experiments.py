"""Claims 11 to 19 on feature components: what the paper's experiments show."""

from dlgn_tf.claims.contrasts import RULE
from dlgn_tf.claims.registry import claim


@claim(
    "complexity.11",
    scale="minutes",
    statement=(
        "The deeper the task that a network is fitted to, the less of its "
        "output low orders make. (Experiment 1, on drawn shapes.)"
    ),
    expected=(
        "2 seeds: rho_c of order 4 of Task-0 > 0.9 * and > that of Task-80 by "
        "> 0.1 *; more remains of Task-80 (authors: 0.991, 0.492)"
    ),
)
def deeper_tasks_need_higher_orders(rng):
    from dlgn_tf.complexity.claims import task_depths

    return task_depths.measure_depths(rng)


@claim(
    "complexity.12",
    scale="minutes",
    statement="Nets of another width give about the same profile.",
    expected=(
        "Task-26, r = 1/16 and 1/8: total variation of the profiles < 0.15 *"
    ),
)
def profiles_do_not_depend_on_the_width(rng):
    from dlgn_tf.complexity.claims import task_depths

    return task_depths.measure_widths(rng)


@claim(
    "complexity.13",
    scale="minutes",
    statement=(
        "With more training images the profile shifts a little to higher "
        "orders. (Experiment 2, on drawn shapes.)"
    ),
    expected=(
        "ResNet-8 of 100 and 1000 images, 2 seeds: total variation < 0.35 * "
        "and a smaller share of order 4 at 1000 (authors: 0.14 to 0.28); not "
        "decided where > 0.2 * of a feature remains at the top order (authors: "
        "0.03 to 0.09)"
    ),
)
def profiles_shift_with_the_images(rng):
    from dlgn_tf.complexity.claims import sample_counts

    return sample_counts.measure_profiles(rng)


@claim(
    "complexity.14",
    scale="minutes",
    statement=(
        "Features are the more reliable the more training images there are, "
        "and the less so the higher the order. (Experiment 2, drawn shapes.)"
    ),
    expected=(
        "ResNet-8, 2 seeds: reliability at order 4 larger of 1000 images than "
        "of 100; falls over orders 4, 7, 13 (authors: .520 to .797 at order 4)"
    ),
)
def more_images_make_reliable_features(rng):
    from dlgn_tf.complexity.claims import sample_counts

    return sample_counts.measure_reliability(rng)


@claim(
    "complexity.15",
    scale="minutes",
    statement=(
        "Shapley values share out all of the training loss; in shallow "
        "networks low orders are the most effective (i), from few images they "
        "over-fit the more (iii). (Experiment 3, on drawn shapes; the paper's "
        "claim (ii) is on deep networks.)"
    ),
    expected=(
        "ResNet-8 of 100 and 1000 images, 3 seeds: efficiency to 1e-9; "
        "alpha_effective of order 4 above that of the others for both (i), "
        "alpha_overfit of order 4 larger of 100 images (iii): differences of "
        f"the same seed > 0, {RULE}"
    ),
)
def effectiveness_by_order(rng):
    from dlgn_tf.complexity.claims import sample_counts

    return sample_counts.measure_effectiveness(rng)


@claim(
    "complexity.16",
    scale="minutes",
    statement=(
        "A network's own head classifies better from a disentangler net of "
        "order 7 than from the feature. (Experiment 4, on drawn shapes.)"
    ),
    expected=(
        "ResNet-8 of 100 and 1000 images: gain > 0 with nets trained on all "
        "images (authors: 25 of 25 networks, +2.57 points); with nets of the "
        "network's own images alone printed, no sign expected"
    ),
)
def components_classify_better(rng):
    from dlgn_tf.complexity.claims import heads

    return heads.measure(rng)


@claim(
    "complexity.17",
    scale="minutes",
    statement=(
        "Compression leaves a network's profile about as it is; a distilled "
        "network of seven ReLU layers has more of its feature in low orders. "
        "(Experiment 5, on drawn shapes.)"
    ),
    expected=(
        "ResNet-8 of 1000 images: weights are pruned, the others of a layer "
        "take at most 2^8 (dense: 2^5) values; total variation between the "
        "profiles < 0.05 *, and less than half of that between the original's "
        "and the distilled network's, of which order 4 has a larger share"
    ),
)
def compressed_and_distilled_networks(rng):
    from dlgn_tf.complexity.claims import compressed

    return compressed.measure(rng)


@claim(
    "complexity.18",
    scale="seconds",
    statement=(
        "Accuracy and loss are linear in the reliable and unreliable shares. "
        "(Experiment 6, the authors' 25 networks where their table is there.)"
    ),
    expected=(
        "planted: error within 30 % of what the noise makes; shuffled: no "
        "better than the mean; authors' table: accuracy error 2.5 to 3.0, loss "
        "0.46 to 0.52, R2 0.982 and 0.908 +- 0.001"
    ),
)
def accuracy_is_predicted(rng):
    from dlgn_tf.complexity.claims import predictions

    return predictions.measure(rng)


@claim(
    "complexity.19",
    scale="seconds",
    statement=(
        "Panels show one channel, the one that is most often positive, all in "
        "one range of colours."
    ),
    expected=(
        "a PNG; the channel of most positive numbers; the same limits -a and "
        "a of all panels, none of them scaled apart or interpolated"
    ),
)
def panels_share_channel_and_range(rng):
    from dlgn_tf.complexity.claims import pictures

    return pictures.measure(rng)

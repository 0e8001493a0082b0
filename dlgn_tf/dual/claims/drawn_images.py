"""Images that claims draw several times, all of them others."""

from dlgn_tf.data.sources import load


def drawn(rng, data_dir, sizes, count):
    """Draws of images of CIFAR-10 where a folder has it, else of digits.

    Args:
        rng: Generator.
        data_dir: Folder of prepared data sets, or None.
        sizes: Dict from `"cifar10"` and `"digits"` to how many training images
            and test images a draw has.
        count: Integer, how many draws.

    Returns:
        List of pairs of images and labels, the training images first; how many
        these are; and a string, what was drawn.
    """
    name = "cifar10" if data_dir else "digits"
    images, _ = load(name, data_dir)
    train, test = sizes[name]
    chosen = rng.permutation(len(images))[: count * (train + test)]
    draws = [
        (images.images[part], images.labels[part])
        for part in chosen.reshape(count, -1)
    ]
    words = (
        f"{count} of {train:,} training and {test:,} test images of {name}"
        f"{'' if data_dir else ' (no --data_dir with CIFAR-10 given)'}"
    )
    return draws, train, words

"""What a run shows in TensorBoard.

Every point is stamped with the optimiser's step. Scalar names are those of the
lineage: train/error_rate, train/classification_loss, test/error_rate and so on.
"""

import dataclasses

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

_HISTOGRAM_SAMPLES = 20_000


class Summaries:
    """Event files of a run: RUN_DIR/train and RUN_DIR/test.

    Args:
        path: Path-like, the run directory.
    """

    def __init__(self, path):
        self._train = tf.summary.create_file_writer(f"{path}/train")
        self._test = tf.summary.create_file_writer(f"{path}/test")

    def describe(self, config, images, step):
        """Flags as text, hyper-parameters, and a sample of input images.

        Args:
            config: `Config`.
            images: uint8 array `(n, height, width, channels)`.
            step: Integer.
        """
        # An indented block is shown as it stands.
        text = "".join(f"    {x}\n" for x in config.to_flags().splitlines())
        with self._train.as_default(step):
            tf.summary.text("flags", text)
            tf.summary.image("train/images", images, max_outputs=len(images))
        with self._test.as_default(step):
            hparams.hparams(_hyper_parameters(config))

    def training(self, totals, learning_rate, images_per_second, step):
        """A point of the training curves.

        Args:
            totals: `Totals` since the last point.
            learning_rate: Float, of the next step.
            images_per_second: Float.
            step: Integer.
        """
        with self._train.as_default(step):
            _scalars(
                {
                    "train/error_rate": totals.error_rate,
                    "train/classification_loss": (
                        totals.mean_classification_loss
                    ),
                    "train/regularization_loss": (
                        totals.mean_regularization_loss
                    ),
                    "train/learning_rate": learning_rate,
                    "train/images_per_second": images_per_second,
                }
            )

    def evaluation(self, totals, step):
        """A point of the test curves."""
        with self._test.as_default(step):
            _scalars(
                {
                    "test/error_rate": totals.error_rate,
                    "test/classification_loss": (
                        totals.mean_classification_loss
                    ),
                }
            )

    def gates(self, statistics, step):
        """Fraction of open gates and a histogram of gates at each site.

        Args:
            statistics: What a `GateProbe` returned.
            step: Integer.
        """
        with self._test.as_default(step):
            for site, (fraction_open, sample) in statistics.items():
                tf.summary.scalar(f"gates_open/{site}", fraction_open)
                tf.summary.histogram(f"gates/{site}", sample)

    def flush(self):
        self._train.flush()
        self._test.flush()


class GateProbe:
    """Looks at the gates that a fixed set of images opens.

    Args:
        model: `ImageClassifier`.
        images: uint8 array `(n, height, width, channels)`.
    """

    def __init__(self, model, images):
        self._model = model
        self._images = tf.constant(images)

    @tf.function
    def __call__(self):
        """Statistics of every site, in evaluation mode.

        Returns:
            Dict from site name to `(fraction, sample)`: the fraction of
            pre-activations above 0 over images, positions and units, and
            gates evenly taken from all of them.
        """
        preactivations = self._model.preactivations(self._images)
        gates = self._model.gates_of(preactivations)
        return {
            site: (
                tf.reduce_mean(tf.cast(q > 0, tf.float32)),
                _sample(gates[site]),
            )
            for site, q in preactivations.items()
        }


def _sample(values):
    flat = tf.reshape(values, [-1])
    return flat[:: max(flat.shape[0] // _HISTOGRAM_SAMPLES, 1)]


def _scalars(values):
    for name, value in values.items():
        tf.summary.scalar(name, value)


def _hyper_parameters(config):
    """The configuration in types that TensorBoard's table can show."""
    known = dataclasses.asdict(config)
    shown = {}
    for name, value in known.items():
        if value is None:
            continue
        plain = isinstance(value, (bool, int, float, str))
        shown[name] = value if plain else ",".join(map(str, value))
    return shown

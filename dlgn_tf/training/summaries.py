"""What a run shows in TensorBoard.

Every point is stamped with the optimiser's step. What is measured on training
and on test images, error_rate and classification_loss, has one name in both, so
that TensorBoard draws both curves in one chart; other scalars are train/... or
test/... as in the lineage.
"""

import io
import math

import numpy as np
from keras import ops
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util import tensor_util

from dlgn_tf.command import fields
from dlgn_tf.models import objectives
from dlgn_tf.output import run_names
from dlgn_tf.training.event_file import (
    EventFile,
    drop_events_after,
    read_events,
)
from dlgn_tf.training.totals import Totals


class Summaries:
    """Event files of a run: RUN_DIR/train and RUN_DIR/test.

    Args:
        path: Path-like, the run directory.
        after: Integer, the step from which the run goes on: what lies beyond
            it is forgotten. Below 0: all is.
        objective: See `dlgn_tf.models.objectives`. Defaults to classes.
    """

    def __init__(self, path, after, objective=objectives.CLASSES):
        self._curves = objective.curves
        for name in run_names.EVENTS:
            drop_events_after(path / name, after)
        # A run that began with a name for each goes on so.
        tags = {tag for _, tag, _ in read_events(path / "train")}
        of_both = self._curves(Totals())
        self._of_both = () if "train/error_rate" in tags else of_both
        self._train, self._test = (
            EventFile(path / name) for name in run_names.EVENTS
        )

    def _scalars(self, file, run, values, step):
        for name, value in values.items():
            tag = name if name in self._of_both else f"{run}/{name}"
            file.add(scalar_pb(tag, value), step)

    def describe(self, config, images, step):
        """Flags as text, hyper-parameters, and a sample of input images."""
        # An indented block is shown as it stands.
        text = "".join(f"    {x}\n" for x in config.to_flags().splitlines())
        self._train.add(text_pb("flags", text), step)
        if images.dtype == np.uint8 and images.shape[-1] in (1, 3, 4):
            self._train.add(images_pb("train/images", images), step)
        self._test.add(hparams_pb(_hyper_parameters(config)), step)

    def training(self, totals, learning_rate, images_per_second, step):
        """A point of the training curves: `Totals` since the last point."""
        values = {
            **self._curves(totals),
            "regularization_loss": totals.mean_regularization_loss,
            "learning_rate": learning_rate,
            "images_per_second": images_per_second,
        }
        if totals.orthogonality_loss:
            values["orthogonality_loss"] = totals.mean_orthogonality_loss
        self._scalars(self._train, "train", values, step)

    def betas(self, betas, step):
        """A point of each layer's beta, see `configured.learned_betas`.

        Where there is one per channel: mean and histogram.
        """
        for layer, values in betas.items():
            mean = float(np.mean(values))
            self._train.add(scalar_pb(f"beta/{layer}", mean), step)
            if np.ndim(values):
                histogram = histogram_pb(f"betas/{layer}", np.float64(values))
                self._train.add(histogram, step)

    def evaluation(self, totals, step):
        """A point of the test curves."""
        values = self._curves(totals)
        if totals.member_errors:
            rates = [1 - accuracy for accuracy in totals.member_accuracies]
            values["member_error_rate_min"] = min(rates)
            values["member_error_rate_mean"] = sum(rates) / len(rates)
            values["member_error_rate_max"] = max(rates)
        self._scalars(self._test, "test", values, step)

    def orthogonality(self, values, step):
        """How far filters are from orthogonal: `orthogonality.measured`."""
        for name, value in values.items():
            self._test.add(scalar_pb(f"orthogonality/{name}", value), step)

    def gates(self, statistics, step):
        """Fraction of open gates and a histogram of gates at each site.

        They are what `gate_statistics` says.
        """
        for site, (fraction_open, sample) in statistics.items():
            point = scalar_pb(f"gates_open/{site}", float(fraction_open))
            self._test.add(point, step)
            values = np.asarray(sample, np.float64)
            self._test.add(histogram_pb(f"gates/{site}", values), step)

    def flush(self):
        self._train.flush()
        self._test.flush()

    def close(self):
        self._train.close()
        self._test.close()


def gate_statistics(model, images):
    """Dict from a gate site of a model to `(fraction, sample)`, two tensors.

    The fraction of pre-activations above 0 over images, positions and units,
    and gates taken from all of them.
    """
    preactivations = model.routed(model.preactivations(images))
    gates = model.gates_of(preactivations)
    return {
        site: (
            ops.mean(ops.cast(q > 0, "float32")),
            ops.reshape(gates[site], (-1,))[:: gate_sample_stride(q.shape)],
        )
        for site, q in preactivations.items()
    }


def gate_sample_stride(shape, samples=20_000):
    """Distance between the gates that go into a histogram.

    It shares no factor with the size of an image's gates, so that every
    position and every filter is met, none more often than others.

    Args:
        shape: Shape of the gates, `(batch, ..., units)`.
        samples: Integer, about how many gates are taken at the most.
    """
    of_image = math.prod(shape[1:])
    stride = max(shape[0] * of_image // samples, 1)
    while math.gcd(stride, of_image) > 1:
        stride += 1
    return stride


def images_pb(tag, images):
    """A Summary proto of images, as TensorBoard's image plug-in reads it."""
    from PIL import Image

    height, width = images.shape[1:3]
    encoded = [str(width).encode(), str(height).encode()]
    for image in images:
        file = io.BytesIO()
        grey = image.shape[-1] == 1
        Image.fromarray(image[..., 0] if grey else image).save(file, "PNG")
        encoded.append(file.getvalue())
    summary = summary_pb2.Summary()
    summary.value.add(
        tag=tag,
        tensor=tensor_util.make_tensor_proto(np.array(encoded, object)),
        metadata=image_metadata.create_summary_metadata(
            display_name=None, description=""
        ),
    )
    return summary


def _hyper_parameters(config):
    """The configuration in types that TensorBoard's table can show."""
    shown = {}
    for name in fields.of(config):
        value = getattr(config, name)
        if value is None:
            continue
        plain = isinstance(value, (bool, int, float, str))
        shown[name] = value if plain else ",".join(map(str, value))
    return shown

"""Runs of one model: their networks, first weights and snapshots."""

import dataclasses
import functools
import pathlib

from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.training import configured
from dlgn_tf.training import runs
from dlgn_tf.training import trained
from dlgn_tf.training.run_directory import RunDirectory


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run at its newest checkpoint.

    Attributes:
        path: Path of the run.
        model: `ReLUNetwork` or `GatedNetwork`.
        config: `dlgn_tf.config.Config`.
        step: Integer.
        whole_maps: Boolean, see `LayeredNetwork`.
    """

    path: pathlib.Path
    model: object
    config: object
    step: int
    whole_maps: bool = False

    @property
    def name(self):
        return self.path.name

    @property
    def networks(self):
        """`"gating"` and `"value"` of a gated network, else None alone."""
        return tuple(self.model.networks) if self.model.gated else (None,)

    def layered(self, network=None):
        """`LayeredNetwork` of the model, or of one network of a gated one."""
        if network not in self._layered:
            self._layered[network] = self.layers_of(self.model, network)
        return self._layered[network]

    @functools.cached_property
    def _layered(self):
        return {}

    def initial_layers(self, network=None):
        """`LayeredNetwork` of the `initial` model, or None."""
        return self.initial and self.layers_of(self.initial, network)

    def layers_of(self, model, network=None):
        """`LayeredNetwork` of this run at another step."""
        return LayeredNetwork(model, network, self.whole_maps)

    @functools.cached_property
    def initial(self):
        """The model as it was drawn; None where it began as another.

        It is the one that the run kept of step 0 or, without it, drawn again.
        """
        if self.config.init_from or self.config.gates_from:
            return None
        if 0 in self.snapshots:
            return self.at(0)
        if self.config.apodized:
            print(
                f"{self.path} kept no model of step 0: as it was drawn it has "
                "weights divided by the root mean square of their windows, "
                "which runs of earlier versions did not have"
            )
        return configured.create_configured_model(self.config)

    @property
    def snapshots(self):
        """Dict from step to path of the models that were kept."""
        return RunDirectory(self.path).kept_models()

    def at(self, step):
        """The model at a step of `snapshots`."""
        return trained.load_trained(self.snapshots[step], like=self.config)


def load(path, whole_maps=False):
    """Reads a run; raises a `UserError` if there is none."""
    model, config, step = runs.load_run(path)
    return TrainedRun(pathlib.Path(path), model, config, step, whole_maps)

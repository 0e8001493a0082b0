"""Runs of one model: their networks, first weights and snapshots."""

import dataclasses
import functools
import pathlib

from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.rainbow.named_networks import check_reading
from dlgn_tf.training import configured, trained
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.source import Source


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run at its newest checkpoint, or a network of no run.

    `name` is what tables call it; `config` is None of a network of no run;
    `whole_maps` is as of `LayeredNetwork`.
    """

    name: str
    path: pathlib.Path
    model: object
    config: object
    whole_maps: bool = False

    @property
    def networks(self):
        """`"gating"` and `"value"` of a gated network, else None alone."""
        return tuple(self.model.networks) if self.model.gated else (None,)

    @property
    def width(self):
        """Neurons of the first layer."""
        return self.layered().widths[0]

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
        config = self.config
        if not config or config.init_from or config.gates_from:
            return None
        if 0 in self.snapshots:
            return self.at(0)
        if config.apodized:
            print(
                f"{self.path} kept no model of step 0: as it was drawn it has "
                "weights divided by the root mean square of their windows, "
                "which runs of earlier versions did not have"
            )
        return configured.create_configured_model(config)

    @property
    def snapshots(self):
        """Dict from step to path of the models that were kept."""
        return RunDirectory(self.path).kept_models()

    def at(self, step):
        """The model at a step of `snapshots`."""
        return trained.load_trained(self.snapshots[step], like=self.config)


def load_all(paths, whole_maps=False, **known):
    """Reads `TrainedRun`s, see `Source.of_path`.

    Each is called by the last part of its path or, where two would have the
    same name, by the whole.

    Raises:
        UserError: if one is not there.
    """
    paths = [pathlib.Path(path) for path in paths]
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = map(str, paths)
    return [
        _load(name, path, whole_maps, known)
        for name, path in zip(names, paths, strict=True)
    ]


def _load(name, path, whole_maps, known):
    source = Source.of_path(path, **known)
    model, _ = source.load()
    source.check_images(model)
    check_reading(model.name)
    return TrainedRun(name, path, model, source.config, whole_maps)

"""The trained network that a command is about. Imports nothing heavy."""

import dataclasses
import functools
import os

from dlgn_tf.command import fields
from dlgn_tf.data import catalog, own
from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives, registry
from dlgn_tf.output import files
from dlgn_tf.training import saved_model, trained
from dlgn_tf.training.run_directory import RunDirectory

# Flags that name a network, and what stands for their values in messages.
FLAGS = {"run_dir": "DIR", "saved_model": "DIR", "model_path": "PATH"}


@dataclasses.dataclass(frozen=True)
class Source:
    """A trained network: of a run, a .keras file, a SavedModel, a checkpoint.

    Attributes:
        run_dir: Path-like of a run, or None.
        which: `"newest"`, the newest checkpoint of the run, or `"best"`, its
            best.keras.
        saved_model: Path-like of a SavedModel that `dlgn_tf.export` wrote, or
            None.
        model_path: Path-like of anything that `trained.locate` knows, or None.
        model: String, the network of a checkpoint of resnets-in-tensorflow2,
            which does not describe its own.
        dataset: String, the data set of a network that is of no run.
    """

    run_dir: str | os.PathLike | None = None
    which: str = "newest"
    saved_model: str | os.PathLike | None = None
    model_path: str | os.PathLike | None = None
    model: str | None = None
    dataset: str = "cifar10"

    @classmethod
    def of_flags(cls, values, *others):
        """What the flags of a command name.

        Args:
            values: Object with attributes as these, of the flags there are.
            *others: Pairs of further flags that name what a command can do
                instead, and of what stands for their values in messages.

        Raises:
            UserError: if they name nothing, or more than one thing.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        known = dict([*FLAGS.items(), *others])
        known = {k: v for k, v in known.items() if hasattr(values, k)}
        given = [name for name in known if getattr(values, name)]
        if len(given) != 1:
            *first, last = [f"--{k}={v}" for k, v in known.items()]
            raise UserError(
                f"Expected {', '.join(first)} or {last}. Received: "
                f"{' and '.join(given) or 'none of them'}"
            )
        values_given = {x: getattr(values, x, None) for x in names}
        return cls(**{k: v for k, v in values_given.items() if v is not None})

    @classmethod
    def of_command(cls, command, *needed):
        """What the flags of a command name, none of which is without effect.

        Args:
            command: `dlgn_tf.command.fields.Command`.
            *needed: Names of flags that must be given for a network of no run.

        Raises:
            UserError: as `of_flags`; also if such a flag is missing, or one is
                given that has no effect.
        """
        network = cls.of_flags(command)
        if network.run_dir:
            what = "with --run_dir, which says it"
            command.check_absent(["dataset", "model"], what)
            return network
        command.check_absent(["which"], f"with --{network.flag}")
        for name in needed:
            if not getattr(command, name):
                raise UserError(
                    f"Expected --{name} with --{network.flag}. Received: no "
                    f"--{name}"
                )
        return network

    @classmethod
    def of_path(cls, path, **known):
        """What lies at a path: a run, or anything that `trained.locate` knows.

        Args:
            path: Path-like.
            **known: `dataset` and `model`, of a network of no run; or None.
        """
        file = os.path.isfile(path) or os.path.isfile(f"{path}.index")
        if not file and not saved_model.is_one(path):
            return cls(run_dir=path)
        return cls(
            model_path=path, **{k: v for k, v in known.items() if v is not None}
        )

    @property
    def flag(self):
        """Name of the flag that names the network."""
        return next(name for name in FLAGS if getattr(self, name))

    @property
    def path(self):
        """Path-like, the value of that flag."""
        return getattr(self, self.flag)

    @functools.cached_property
    def of_images(self):
        """The `DatasetInfo` of the network's images.

        Of a network of no run, and images of one's own, as `images` found it.
        """
        config = self.config
        return config.info if config else catalog.get(self.dataset)

    def check(self):
        """Raises a `UserError` unless the network is there, and whole."""
        if self.run_dir:
            self.config  # noqa: B018
            if self.which == "best":
                trained.locate_best(RunDirectory(self.run_dir))
            return
        if self.model:
            registry.parse(self.model)
        with self._named():
            described = self._located().is_file()
            if described:
                what = "with a file that describes its network"
                fields.refuse_given({"model": self.model}, what)
            if not described and not self.model:
                raise UserError(
                    "Expected --model with a checkpoint of "
                    "resnets-in-tensorflow2, which does not describe its "
                    "network, such as resnet32_dnn. Received: no --model"
                )

    @functools.cached_property
    def config(self):
        """The `Config` of the run; None where there is no run."""
        return self.run_dir and RunDirectory(self.run_dir).read_config()

    def images(self, data_dir=None, npz=None):
        """Keyword arguments of `dlgn_tf.data.sources.load`.

        Args:
            data_dir: See `catalog.source`.
            npz: See `catalog.source`.

        Raises:
            UserError: if there are no such images, a run has no classes, or it
                takes a run to say how its data are read.
        """
        if self.run_dir:
            objectives.check_classes(self.config.loss, self.path)
            return catalog.source_of_run(self.config, data_dir, npz)
        if catalog.is_own(self.dataset):
            if "label" in own.kind_of(self.dataset).flags:
                raise UserError(
                    f"Expected --run_dir with --dataset={self.dataset}: the "
                    "run says how its rows are read. Received: --"
                    f"{self.flag}={self.path}"
                )
        place = catalog.source(self.dataset, data_dir, npz)
        # Frozen are the fields; this is what `of_images` would find out.
        vars(self)["of_images"] = catalog.info_of(place)
        return place

    def load(self, of_zoo=True):
        """Reads the network.

        Args:
            of_zoo: See `trained.load_trained`.

        Returns:
            `(model, step)`: `keras.Model`, and the step from which its weights
            are, None where the file does not say it.

        Raises:
            UserError: if it cannot be read, or is another's.
        """
        from dlgn_tf.models import lineage
        from dlgn_tf.training import runs

        if self.run_dir and self.which == "newest":
            model, _, step = runs.load_run(self.run_dir)
            return model, step
        if self.run_dir:
            best = RunDirectory(self.run_dir).best
            return trained.load_with_step(best, self.config)
        with self._named():
            located = self._located()
            if located.is_file():
                return trained.load_with_step(located, of_zoo=of_zoo)
            model = lineage_network(self.model, self.dataset)
            lineage.load(located, model)
            return model, None

    def output_dir(self, given, name):
        """Where a command writes what it is told, or else in the run.

        Args:
            given: String, path that was given, or None.
            name: String, of the folder within the run.

        Raises:
            UserError: if it cannot be written to.
        """
        folder = given or str(RunDirectory(self.run_dir).results(name))
        files.check_writable(folder, "output_dir")
        return folder

    def check_images(self, model):
        """Raises a `UserError` if the images are none of the model's.

        Also if it tells no classes apart.
        """
        objectives.check_classes(model.objective.loss, self.path)
        catalog.check_same_kind(
            self.of_images, model.image_shape, model.classes
        )
        told = self.saved_model and saved_model.class_names(self.saved_model)
        names = tuple(
            map(saved_model.spelled, self.of_images.class_names or ())
        )
        if told and names and told != names:
            raise UserError(
                f"Expected images of the classes of {self.saved_model}, "
                f"{', '.join(told)[:160]}. Received: "
                f"{', '.join(names)[:160]}"
            )

    def untrained(self, model):
        """The network with weights as drawn: those that the run began with.

        Args:
            model: What `load` returned. Of a network of no run it is copied,
                with weights of seed 0.

        Returns:
            `ImageClassifier`.
        """
        from dlgn_tf.models.build import redrawn
        from dlgn_tf.training import configured

        if self.config:
            return configured.create_configured_model(self.config)
        return redrawn(model, seed=0)

    def _located(self):
        if self.saved_model:
            return trained.locate(saved_model.locate(self.saved_model))
        return trained.locate(self.model_path)

    def _named(self):
        return trained.named(self.flag, self.path)


def lineage_network(name, dataset, removed=(), **options):
    """A network as resnets-in-tensorflow2 trains it, its weights any.

    Args:
        name: String, ARCHITECTURE_FAMILY.
        dataset: String, whose images it takes.
        removed: Names of blocks that are left out.
        **options: Of the architecture.

    Returns:
        `ImageClassifier`.
    """
    from dlgn_tf.models.build import create_model

    images, (architecture, _) = catalog.get(dataset), registry.parse(name)
    # Its VGGs pool so.
    pooled = "pooling" in architecture.options
    options |= {"pooling": "max"} if pooled else {}
    return create_model(
        name,
        images.image_shape,
        images.classes,
        mean=images.mean,
        std=images.std,
        removed=removed,
        **options,
    )

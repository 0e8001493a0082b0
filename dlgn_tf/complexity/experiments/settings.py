"""How much the experiments train, at each scale."""

import dataclasses
from typing import Any

from dlgn_tf.complexity.compression import Compression
from dlgn_tf.complexity.cycle import CycleSettings
from dlgn_tf.complexity.distillation import Distillation
from dlgn_tf.complexity.ladder import LadderSettings
from dlgn_tf.complexity.reliability import ReliabilitySettings
from dlgn_tf.complexity.teachers import TeacherSettings
from dlgn_tf.models.depths import resnet_blocks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """Sizes and lengths of all trainings of an experiment.

    The defaults are the authors' (their code), but for orders 49 and 97.

    Raises:
        UserError: now, and not after hours of training, if there are no
            disentangler nets of an order or no ResNet of a depth.
    """

    # Of the disentangler nets; see `LadderSettings` and `Distillation`.
    orders: tuple[int, ...] = LadderSettings.orders
    width: float = LadderSettings.width
    epochs: int = Distillation.epochs
    draws: int = Distillation.draws
    batch_sizes: tuple = LadderSettings.batch_sizes
    # The same of the nets that networks share.
    shared_batch_sizes: tuple = ReliabilitySettings.shared.batch_sizes
    # Of the back maps; see `CycleSettings`.
    cycle_epochs: int = CycleSettings.epochs
    cycle_draws: int = CycleSettings.draws
    cycle_batch_size: int = CycleSettings.batch_size
    # Of disentangler nets and teachers.
    augmentation: str = Distillation.augmentation
    # Filters of a teacher's first group.
    teacher_width: int = 16
    teacher_batch_size: int = TeacherSettings.batch_size
    # Passes of a teacher; None where the least number of steps decides.
    teacher_epochs: int | None = TeacherSettings.epochs
    teacher_steps: int | None = None
    # Of the teachers, the number of their training images, and the n of Task-n.
    depths: tuple[int, ...]
    counts: tuple[int, ...]
    task_depths: tuple[int, ...]
    # Of the disentangler nets that are compared, r.
    widths: tuple[float, ...]
    # Of the network that is compressed, and its training images.
    compressed_depth: int
    compressed_count: int = 1000
    compression: Compression = Compression()
    gated_options: dict = dataclasses.field(default_factory=dict)
    # How often images are drawn again for intervals (assumed).
    resamples: int = 200

    def __post_init__(self):
        self.ladder(seed=0)
        for depth in (*self.depths, self.compressed_depth):
            resnet_blocks(depth, "original")

    def training(self, seed):
        """The `Distillation` of every disentangler net."""
        return Distillation(
            self.epochs,
            self.draws,
            augmentation=self.augmentation,
            seed=seed,
        )

    def ladder(self, seed, **changes):
        """The `LadderSettings`; `changes` replace some of them."""
        settings = {
            "orders": self.orders,
            "width": self.width,
            "batch_sizes": self.batch_sizes,
            "training": self.training(seed),
        }
        return LadderSettings(**{**settings, **changes})

    def reliability(self, seed):
        """The `ReliabilitySettings`."""
        return ReliabilitySettings(
            self.ladder(seed, batch_sizes=self.shared_batch_sizes),
            CycleSettings(
                epochs=self.cycle_epochs,
                draws=self.cycle_draws,
                batch_size=self.cycle_batch_size,
            ),
        )

    def teacher(self, seed, count):
        """The `TeacherSettings` of a teacher of so many images."""
        epochs = self.teacher_epochs
        if epochs is None:
            of_epoch = -(-count // min(self.teacher_batch_size, count))
            epochs = -(-self.teacher_steps // of_epoch)
        return TeacherSettings(
            epochs=epochs,
            batch_size=self.teacher_batch_size,
            augmentation=self.augmentation,
            seed=seed,
        )

    def budget(self):
        """One line that says how much is trained."""
        teachers = (
            f"{self.teacher_epochs} epochs"
            if self.teacher_epochs
            else f"{self.teacher_steps} steps"
        )
        return (
            f"{self.ladder(seed=0).budget()}; teachers of width "
            f"{self.teacher_width}, {teachers} of {self.teacher_batch_size} "
            "images"
        )


# Assumed: trainings of disentangler nets and of back maps on two CPU cores.
_TWO_CORES: dict[str, Any] = {
    "draws": 1000,
    "batch_sizes": ((32, 16),),
    "shared_batch_sizes": ((32, 16),),
    "cycle_epochs": 30,
    "cycle_draws": 250,
    "cycle_batch_size": 16,
    "teacher_batch_size": 32,
}
SCALES = {
    # Assumed: what two CPU cores do in some minutes; less leaves a third even
    # of the simplest task.
    "minutes": Scale(
        orders=(4, 7, 13),
        width=1 / 8,
        epochs=40,
        **_TWO_CORES,
        augmentation="none",
        teacher_width=8,
        teacher_epochs=None,
        teacher_steps=640,
        depths=(8,),
        counts=(100, 1000),
        task_depths=(0, 80),
        widths=(1 / 16, 1 / 8),
        compressed_depth=8,
        gated_options={"depth": 8, "width": 8},
    ),
    # Assumed: what two CPU cores do on photographs in hours. Networks of any
    # number of images are trained for equal epochs, as in the paper.
    "hours": Scale(
        width=1 / 4,
        epochs=60,
        **_TWO_CORES,
        teacher_epochs=100,
        depths=(8, 14, 20),
        counts=(200, 1000, 5000),
        task_depths=(0, 2, 8, 26, 80),
        widths=(1 / 16, 1 / 8, 1 / 4),
        compressed_depth=20,
        compression=Compression(rounds=10, epochs=5, last_epochs=20),
        gated_options={"depth": 8, "width": 16},
    ),
    "full": Scale(
        depths=(8, 14, 20, 32, 44),
        counts=(200, 500, 1000, 2000, 5000),
        task_depths=(0, 2, 8, 26, 80),
        widths=(1 / 4, 1 / 2, 1.0),
        compressed_depth=32,
        compression=Compression(rounds=300, epochs=20, last_epochs=100),
        gated_options={"depth": 20, "width": 16},
    ),
}

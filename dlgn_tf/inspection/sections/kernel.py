"""The neural path kernel by class, where that does not take long."""

from dlgn_tf import dual
from dlgn_tf.dual import figures, kernel_learning
from dlgn_tf.errors import UserError

# Seconds that the kernel of a page may take.
_LONGEST = 60


def add(report):
    task, page = report.task, report.page
    page.section("Neural path kernel")
    images = task.images.images[: task.kernel_images]
    labels = task.images.labels[: task.kernel_images]
    options = {"memory_gib": task.memory_gib}
    try:
        seconds = dual.expected_seconds(task.model, images, **options)
        if seconds > _LONGEST:
            raise UserError(
                f"That of {len(images):,} images takes about "
                f"{seconds / 60:.0f} minutes here; `python -m dlgn_tf.dual` "
                "and --kernel_images of fewer compute it."
            )
        matrix = dual.neural_path_kernel(task.model, images, **options)
    except UserError as error:
        page.text(
            "The kernel of the paths that two images have open in common, of "
            "the gates and the input alone."
        )
        page.note(f"Not computed. {error}")
        return
    page.text(
        f"The cosine between the neural path features of {len(images):,} test "
        "images: how much of the network two images switch on in common, "
        "weighed by how alike they are there. Only gates and input enter it, "
        "no weight of the value network. Bright blocks on the diagonal mean "
        "that the gates alone know the classes; "
        "`python -m dlgn_tf.dual` learns from this kernel."
    )
    classes, names = task.dataset.classes, task.dataset.names
    rows = kernel_learning.class_rows(matrix, labels, names)
    report.csv("kernel_by_class", rows)
    report.picture(
        "kernel",
        figures.heat_map(matrix, labels, classes, task.model.name, names),
        "Exact, from the gates; images ordered by class, and means over pairs "
        "of classes (`kernel_by_class.csv`).",
    )

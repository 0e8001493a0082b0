"""Opens a trained network that is looked into. Imports nothing heavy."""

import logging
from typing import Any

from dlgn_tf.command import startup


def opened(network: Any) -> tuple[Any, int | None]:
    """The model and the step of a `dlgn_tf.training.source.Source`.

    Raises:
        UserError: if there is none, or its images are of another kind.
    """
    startup.import_keras()
    # TensorFlow warns of each graph that is made for one site alone.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    model, step = network.load()
    network.check_images(model)
    return model, step

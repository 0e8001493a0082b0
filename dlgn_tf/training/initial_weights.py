"""The weights with which a run starts, where they are not drawn at random."""

from dlgn_tf.models import transfer
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.models.conversion import converted_like
from dlgn_tf.training import trained

_COPY = {"gates_from": transfer.copy_gates, "init_from": transfer.copy_model}


def set_initial_weights(model, config):
    """Gives a model the trained weights that its `Config` names, if it does.

    To be called when a run starts. One that goes on has them in its
    checkpoint, and their source may be gone.

    Raises:
        UserError: if they are missing, or those of another model.
    """
    for flag in trained.SOURCE_FLAGS:
        path = getattr(config, flag)
        if path is not None:
            with trained.named(flag, path):
                source = trained.load_trained(
                    path, like=config, of_zoo=config.network is None
                )
                if not isinstance(source, ImageClassifier):
                    # What the nonlinearities let pass is what a dnn lets pass.
                    _, family = config.architecture()
                    family = "dnn" if flag == "gates_from" else family
                    source = converted_like(source, model, config, family)
                _COPY[flag](source, model)

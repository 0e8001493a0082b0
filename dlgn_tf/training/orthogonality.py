"""Orthogonal filters in training: the penalty's term and what is logged."""

from keras import ops

from dlgn_tf.models.orthogonal import filters_of
from dlgn_tf.regularizers import largest_cosine, orthogonality_penalty


class PenaltyTerm:
    """The orthogonality penalty as a term of the loss.

    It is summed over the trainable kernels of the dense layers and
    convolutions of a model, the last layer included.
    """

    def __init__(self, model, config):
        self._factor = config.orthogonality_penalty
        self._options = {}
        self._places = []
        if not self._factor:
            return
        self._options = {
            "reduction": config.orthogonality_reduction,
            "slopes": config.orthogonality_slopes,
        }
        places = {id(v): i for i, v in enumerate(model.trainable_variables)}
        self._places = [
            places[id(filters.variable)]
            for filters in filters_of(model, config.orthogonal_networks)
            if filters.variable.trainable
        ]

    def __call__(self, values):
        """The term, a scalar, of the values of the trainable variables."""
        total = ops.zeros(())
        for place in self._places:
            total = total + orthogonality_penalty(
                values[place], **self._options
            )
        return self._factor * total


def looked_at(config):
    """Whether a run has anything to do with orthogonal filters."""
    mapped = config.orthogonal_reparametrization != "none"
    return bool(config.orthogonality_penalty) or mapped


def overcomplete(model, config):
    """Names of those filters of a run that are too many to be orthogonal.

    There are none where nothing is to be orthogonal.
    """
    if not looked_at(config):
        return []
    of_all = filters_of(model, config.orthogonal_networks)
    return [str(filters) for filters in of_all if filters.too_many]


def measured(model, config):
    """How far from orthogonal the filters of a model are.

    Returns:
        Dict from a scalar's name to float: `largest_cosine/NETWORK/LAYER`, and
        the penalty over the trainable kernels, those of `PenaltyTerm`, under
        both reductions, `penalty_sum` and `penalty_mean_entries`, without its
        coefficient.
    """
    values = {"penalty_sum": 0.0, "penalty_mean_entries": 0.0}
    slopes = config.orthogonality_slopes or (0.0, 1.0)
    for filters in filters_of(model, config.orthogonal_networks):
        layer = filters.layer
        kernel = getattr(layer, "full_kernel", None)
        if kernel is None:
            kernel = ops.convert_to_tensor(layer.kernel)
        cosine = float(largest_cosine(kernel))
        values[f"largest_cosine/{filters.label}"] = cosine
        if not filters.variable.trainable:
            continue
        for reduction in ("sum", "mean_entries"):
            penalty = float(orthogonality_penalty(kernel, reduction, slopes))
            values[f"penalty_{reduction}"] += penalty
    return values

"""The model that a configuration describes, and its parts by kind."""

from keras import ops

from dlgn_tf.data import catalog
from dlgn_tf.layers import BatchNorm
from dlgn_tf.layers.beta import BetaLayer
from dlgn_tf.layers.pixel_normalization import AS_STORED
from dlgn_tf.models.build import create_model


def create_configured_model(config, removed=()):
    """The model that a `Config` describes, with its initial weights.

    Blocks `removed` are left out, see `Architecture.removable_blocks`.
    """
    dataset = config.info
    mean, std = _pixel_constants(config.normalization, dataset)
    model = create_model(
        config.model,
        dataset.image_shape,
        dataset.classes,
        mean=mean,
        std=std,
        network=config.network,
        per_image=config.normalization == "per_image",
        seed=config.weights_seed,
        orthogonal=config.orthogonal_filters(),
        loss=config.loss,
        targets=(dataset.target_mean, dataset.target_std)
        if dataset.is_regression
        else None,
        initializer=config.initializer,
        gate=config.gate,
        beta=config.gate_beta,
        epsilon=config.gate_epsilon,
        value_input=config.value_input,
        gate_regime=config.gate_regime,
        gate_permutation=config.gate_permutation,
        **config.architecture_options(),
        **config.activation_options(),
        removed=removed,
    )
    for layer in _layers(model, BatchNorm):
        layer.share_statistics(config.batch_norm == "synchronized")
    return model


def _pixel_constants(normalization, dataset):
    """Mean and standard deviation that pixels are standardised with."""
    if normalization == "none":
        return AS_STORED["mean"], AS_STORED["std"]
    if normalization == "dataset":
        return dataset.mean, dataset.std
    if normalization == "imagenet":
        return catalog.IMAGENET_MEAN, catalog.IMAGENET_STD
    return 0.0, 1.0


def moving_statistics(model):
    """Variables of all moving means and variances of a model."""
    return [
        variable
        for layer in _layers(model, BatchNorm)
        for variable in (layer.moving_mean, layer.moving_variance)
    ]


def learned_betas(model):
    """The betas that a model learns, arrays `()` or `(channels,)` by layer."""
    return {
        layer.name: ops.convert_to_numpy(layer.beta)
        for layer in _layers(model, BetaLayer)
        if layer.u is not None
    }


def _layers(model, kind):
    return [
        layer for layer in model._flatten_layers() if isinstance(layer, kind)
    ]

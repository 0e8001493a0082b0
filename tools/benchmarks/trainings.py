"""Functions that train some steps of a model, or evaluate it: ours, stock's."""


def random_images(count, shape=(32, 32, 3)):
    import numpy as np

    from dlgn_tf.data.images import ImageSet

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, *shape), np.uint8)
    return ImageSet(images, rng.integers(0, 10, count).astype("int32"))


def sampler(batch_size, augmentation="flip_crop", shape=(32, 32, 3)):
    """Draws batches of 2,000 random images."""
    from dlgn_tf.data import batches

    images = random_images(2_000, shape)
    return batches.BatchSampler(images, batch_size, 0, augmentation)


def own(
    model,
    batch_size,
    count,
    adam=None,
    augmentation="flip_crop",
    l2=1e-4,
    strategy=None,
):
    """A function that trains `count` steps of a model of images.

    By SGD with momentum, or Adam where its learning rate is given; on the
    replicas of a strategy in whose scope the model was made, if one is given.
    """
    import keras
    import tensorflow as tf

    from dlgn_tf.data import batches
    from dlgn_tf.training import optimizers, strategies
    from dlgn_tf.training.steps import TrainingSteps

    optimizer = (
        keras.optimizers.Adam(adam)
        if adam
        else optimizers.sgd(optimizers.learning_rate((0.01,)))
    )
    strategy = strategy or tf.distribute.get_strategy()
    steps = TrainingSteps(model, optimizer, strategy, batch_size, l2)
    drawn = sampler(batch_size, augmentation, model.input_shape[1:])

    def pipeline(context):
        share = strategies.share(context)
        return batches.train_dataset(drawn, 0, 10**6, share)

    iterator = iter(strategy.distribute_datasets_from_function(pipeline))
    return lambda: steps(iterator, count)


def of_zoo(train, name, options, **model_options):
    """A function that trains a model of the zoo, by `own` or `stock_fit`."""
    from dlgn_tf.models.build import create_model

    model = create_model(name, seed=0, **model_options)
    return train(model, options.batch_size, options.steps)


def stock(model, l2=0.0):
    """A compiled `keras.Model` of stock layers that computes what ours does."""
    import keras

    from dlgn_tf.layers import BatchNorm
    from dlgn_tf.models.classifier import listed

    def layer_of(layer):
        if isinstance(layer, BatchNorm):
            return keras.layers.BatchNormalization(name=layer.name)
        config = layer.get_config()
        if l2 and "kernel_regularizer" in config:
            config["kernel_regularizer"] = keras.regularizers.L2(l2)
        return type(layer).from_config(config)

    networks = {
        key: keras.models.clone_model(network, clone_function=layer_of)
        for key, network in model.networks.items()
    }
    image = keras.Input(model.input_shape[1:])
    x = keras.layers.Rescaling(1 / 255)(image)
    if model.gated:
        gates = [
            keras.ops.sigmoid(model.gate.beta * q)
            for q in listed(networks["gating"](x))
        ]
        logits = networks["value"]([x, *gates])
    else:
        logits = networks["network"](x)
    compiled = keras.Model(image, logits)
    compiled.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return compiled


def fit(model, batch_size, steps):
    """A function that trains a compiled Keras model by its `fit`."""
    from dlgn_tf.data import batches

    drawn = sampler(batch_size, shape=model.input_shape[1:])
    dataset = batches.train_dataset(drawn, 0, steps)
    return lambda: model.fit(dataset, verbose=0)


def stock_fit(model, batch_size, steps):
    """As `fit`, of stock layers in place of ours."""
    return fit(stock(model, 1e-4), batch_size, steps)


def operations(model):
    """Floating-point operations of a training step for an image.

    Of convolutions and dense layers, forward and with the gradients of inputs
    and kernels; images need no gradient, nor does anything that is frozen.
    """
    import math

    total = 0
    for network in model.networks.values():
        layers = [x for x in network.layers if hasattr(x, "kernel")]
        forward = [
            2 * math.prod(x.kernel.shape) * math.prod(x.output.shape[1:-1])
            for x in layers
        ]
        total += sum(forward)
        if network.trainable:
            total += 2 * sum(forward) - forward[0]
    return total

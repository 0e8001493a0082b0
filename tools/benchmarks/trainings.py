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


def ours(
    model, batch_size, count, adam=None, augmentation="flip_crop", l2=1e-4
):
    """A function that trains `count` steps of a model of images.

    By SGD with momentum, or Adam where its learning rate is given.
    """
    import keras
    import tensorflow as tf

    from dlgn_tf.data import batches
    from dlgn_tf.training import optimizers
    from dlgn_tf.training.steps import TrainingSteps

    optimizer = (
        keras.optimizers.Adam(adam)
        if adam
        else optimizers.sgd(optimizers.learning_rate((0.01,)))
    )
    strategy = tf.distribute.get_strategy()
    steps = TrainingSteps(model, optimizer, strategy, batch_size, l2)
    drawn = sampler(batch_size, augmentation, model.input_shape[1:])
    iterator = iter(batches.train_dataset(drawn, 0, 10**6))
    return lambda: steps(iterator, count)


def of_zoo(name, options, **model_options):
    """A function that trains `options.steps` steps of a model of the zoo."""
    from dlgn_tf.models.build import create_model

    model = create_model(name, seed=0, **model_options)
    return ours(model, options.batch_size, options.steps)


def stock(network, l2=0.0):
    """A compiled `keras.Model` of stock layers in place of a network's."""
    import keras

    from dlgn_tf.layers import BatchNorm

    def layer_of(layer):
        if isinstance(layer, BatchNorm):
            return keras.layers.BatchNormalization(name=layer.name)
        config = layer.get_config()
        if l2 and "kernel_regularizer" in config:
            config["kernel_regularizer"] = keras.regularizers.L2(l2)
        return type(layer).from_config(config)

    layers = keras.models.clone_model(network, clone_function=layer_of)
    image = keras.Input(network.input_shape[1:])
    model = keras.Model(image, layers(keras.layers.Rescaling(1 / 255)(image)))
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def stock_fit(name, options):
    """The same model on stock Keras layers, trained by `fit`."""
    from dlgn_tf.data import batches
    from dlgn_tf.models.build import create_model

    model = stock(create_model(name, seed=0).network, 1e-4)
    drawn = sampler(options.batch_size)
    dataset = batches.train_dataset(drawn, 0, options.steps)
    return lambda: model.fit(dataset, verbose=0)

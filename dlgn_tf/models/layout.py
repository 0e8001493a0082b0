"""The one layout of images here: channels last, whatever Keras is set to."""

import contextlib

import keras


@contextlib.contextmanager
def channels_last():
    """Makes Keras layers that are made inside take their channels last.

    A layer keeps the layout in its configuration, so a model that is saved
    computes the same under any setting. Keras' own setting, which `keras.json`
    may give, is put back afterwards. Serves as a decorator too.
    """
    given = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        keras.config.set_image_data_format(given)

"""Train a network of your own.

Any functional or sequential Keras model of images or vectors will do, trained
anywhere. Here it is a small convolutional network with a skip, trained by
Keras' own `fit` on digits. Nothing in this step is of dlgn_tf but the images.

There are four ReLUs: one inside a layer (`activation="relu"`), two that are
layers, and one that is a function called on the way. Layers have names, so that
what is said of them later can be read.
"""

import pathlib

import keras
from keras import layers

from dlgn_tf import data

FOLDER = pathlib.Path("runs/your_own")

keras.utils.set_random_seed(0)
train, test = data.load("digits")

image = keras.Input((8, 8, 1))
h = layers.Rescaling(1 / 255)(image)
h = layers.Conv2D(16, 3, padding="same", activation="relu", name="stem")(h)
branch = layers.Conv2D(16, 3, padding="same", name="conv1")(h)
branch = layers.ReLU(name="relu1")(layers.BatchNormalization()(branch))
branch = layers.Conv2D(16, 3, padding="same", name="conv2")(branch)
h = layers.ReLU(name="relu2")(layers.Add(name="add")([h, branch]))
h = layers.Flatten()(layers.AveragePooling2D(2)(h))
h = keras.ops.relu(layers.Dense(32, name="dense")(h))
y = layers.Dense(10, activation="softmax", name="classes")(h)
network = keras.Model(image, y, name="small")

network.compile(
    keras.optimizers.Adam(0.003),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
network.fit(train.images, train.labels, batch_size=32, epochs=6, verbose=0)
FOLDER.mkdir(parents=True, exist_ok=True)
network.save(FOLDER / "small.keras")

_, plain = network.evaluate(test.images, test.labels, verbose=0)
print(f"trained by Keras: test accuracy {plain:.2%}")

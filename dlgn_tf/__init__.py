"""Deep gated networks: train them, open them up, check the theory.

Importing the package imports neither TensorFlow nor Keras; its parts do when
they are imported. `keras.models.load_model` reads models of the package once it
is imported, in whichever order.
"""

from dlgn_tf import registration

__version__ = "0.1.0"

registration.register_names_with_keras()

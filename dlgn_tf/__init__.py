"""Deep gated networks: train them, open them up, check the theory.

Importing the package imports neither TensorFlow nor Keras; its parts do when
they are asked for. What is public is listed in `__init__.pyi`, here and in the
packages. `keras.models.load_model` reads models of the package once it is
imported, in whichever order.
"""

import lazy_loader

from dlgn_tf import registration

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

registration.register_names_with_keras()

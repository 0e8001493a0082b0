"""Deep gated networks: train them, open them up, check the theory.

Importing the package imports neither TensorFlow nor Keras; its parts do when
they are imported.
"""

__version__ = "0.1.0"

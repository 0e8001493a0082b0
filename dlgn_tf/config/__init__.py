"""What a run is told: the training flags and the `Config` they become.

Importing it imports neither TensorFlow nor Keras.
"""

from dlgn_tf.config.config import Config
from dlgn_tf.config.config import TrainingFlags
from dlgn_tf.config.network import GATE_FLAGS
from dlgn_tf.config.network import Network
from dlgn_tf.config.resolving import check_environment
from dlgn_tf.config.resolving import from_flags
from dlgn_tf.config.resolving import read_flags
from dlgn_tf.config.resolving import resolve
from dlgn_tf.config.resolving import resolve_network

__all__ = [
    "GATE_FLAGS",
    "Config",
    "Network",
    "TrainingFlags",
    "check_environment",
    "from_flags",
    "read_flags",
    "resolve",
    "resolve_network",
]

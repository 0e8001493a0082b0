"""What a run is told: the training flags and the `Config` they become.

Importing it imports neither TensorFlow nor Keras.
"""

from dlgn_tf.config.config import Config, TrainingFlags
from dlgn_tf.config.network import GATE_FLAGS, Network
from dlgn_tf.config.resolving import (
    check_environment,
    from_flags,
    read_flags,
    resolve,
    resolve_network,
)

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

"""Our tangent kernel of a network whose weights and images are in a file."""

import json

import numpy as np

from benchmarks.workers.kernel_files import read, told
from dlgn_tf import create_model
from dlgn_tf.dual import empirical_ntk


def job(path, architecture, options):
    images, weights = read(path)
    model = create_model(
        f"{architecture}_dnn", images.shape[1:], **json.loads(options)
    )
    model.set_weights(weights)
    return lambda: told(np.asarray(empirical_ntk(model, images).total))

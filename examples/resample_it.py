"""Resample it.

What has training put into the weights? Of every layer a covariance is kept and
all else thrown away: new Gaussian weights are drawn with it, each layer turned
to what the one before it now says, and the last layer is fitted anew. White
weights, which know nothing of the covariances, are the control.
"""

from dlgn_tf.data import sources
from dlgn_tf.models.evaluation import accuracy
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.heads import retrain_head
from dlgn_tf.rainbow.moments import in_batches
from dlgn_tf.rainbow.resampling import resample
from dlgn_tf.training import runs

model, config, step = runs.load_run("runs/tour")
train, test = sources.load("digits")
batches = in_batches(train.images)
covariances = weight_covariances([model], batches, reference=0)

print(f"trained: {accuracy(model, test.images, test.labels):.1%}")
for weights in ("covariance", "white"):
    drawn = resample(model, covariances, batches, seed=0, weights=weights)
    drawn = retrain_head(drawn, train.images, train.labels)
    print(f"{weights}: {accuracy(drawn, test.images, test.labels):.1%}")

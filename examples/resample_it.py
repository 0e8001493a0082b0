"""Resample it.

What has training put into the weights, and what is still random? The rainbow
model says: a layer's neurons are independent Gaussian draws, and what was
learned is their covariance. So of each layer a covariance is kept and all else
thrown away. New weights are drawn with it, each layer is turned to the basis in
which the drawn one before it speaks (*alignment*), and the classifier is fitted
anew. If the model is right, networks so drawn work about as well as the trained
one.

White weights, which know nothing of the covariances, are the control. Digits
are so easy that they come close; on CIFAR-10 the difference is larger (see
`results/rainbow`).
"""

from train_a_dlgn import RUN_DIR

from dlgn_tf.data import sources
from dlgn_tf.models.evaluation import accuracy
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.heads import retrain_head
from dlgn_tf.rainbow.moments import in_batches
from dlgn_tf.rainbow.resampling import resample
from dlgn_tf.training import runs

model, config, step = runs.load_run(RUN_DIR)
train, test = sources.load("digits")
batches = in_batches(train.images)
covariances = weight_covariances([model], batches, reference=0)

print(f"trained: {accuracy(model, test.images, test.labels):.1%}")
for weights in ("covariance", "white"):
    found = []
    for seed in range(3):
        drawn = resample(
            model, covariances, batches, seed=seed, weights=weights
        )
        drawn = retrain_head(drawn, train.images, train.labels)
        found.append(accuracy(drawn, test.images, test.labels))
    each = ", ".join(f"{value:.1%}" for value in found)
    print(f"drawn, {weights}: {each}")

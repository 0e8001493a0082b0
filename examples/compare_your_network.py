"""Train it as DNN, DGN and DLGN.

The same architecture, its weights new, in three families: as it is, with gates
that a second network learns, and with gates that are linear in the image (the
gating network of a `dlgn` has no nonlinearity at all). The last line asks what
the gates of the network that Keras has trained know: they are frozen, and
values alone are learned on them.

From a command line this is `python -m dlgn_tf.train
--model=keras:runs/your_own/small.keras_dlgn`, with `--gate_regime` and
`--gates_from` for the last.
"""

from train_your_network import network, test, train

from dlgn_tf import data, fit, from_keras
from dlgn_tf.models import accuracy

digits = data.from_arrays(train.images, train.labels, test.images, test.labels)
frozen = {"gate": "own", "gate_regime": "frozen_learned"}
for title, model in (
    ("DNN", from_keras(network, "dnn", seed=1)),
    ("DGN", from_keras(network, "dgn", seed=1)),
    ("DLGN", from_keras(network, "dlgn", seed=1)),
    ("values on its own gates", from_keras(network, "dgn", seed=1, **frozen)),
):
    flags = {"learning_rates": 0.003, "train_steps": 270, "verbose": False}
    fit(model, digits, **flags)
    share = accuracy(model, test.images, test.labels)
    print(f"{title}: test accuracy {share:.2%}")

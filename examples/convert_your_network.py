"""Convert it, and read its gates.

`from_keras` puts a *gate site* in the place of each nonlinearity. As a `dnn`
with copied weights the network is what it was, now with gates that can be asked
for. As a `dgn` it is two networks: one makes the gates, the other multiplies by
them. With the same weights in both, and with `gate="own"` (what the
nonlinearity that stood there multiplies by: 1 where a ReLU lets through, else
0) it is the same network again, which shows that nothing was lost on the way.

The picture shows at which pixels how many of the units behind the skip are on.
"""

import numpy as np
from matplotlib.figure import Figure
from train_your_network import FOLDER, network, test

from dlgn_tf import from_keras

as_dnn = from_keras(network, "dnn", weights="copy")
as_dgn = from_keras(network, "dgn", weights="copy", gate="own")

images = test.images[:200]
expected = network.predict(images, verbose=0)
for name, model in (("DNN", as_dnn), ("DGN", as_dgn)):
    logits = model.predict(images, verbose=0)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    apart = np.abs(shares - expected).max()
    print(f"as a {name}: probabilities differ by {apart:.1e}")

gates = {site: np.asarray(g) for site, g in as_dnn.gates(images).items()}
for site, gate in gates.items():
    print(f"{site}: {gate.mean():.0%} of {gate[0].size} units are on")

figure = Figure(figsize=(9, 3))
for k, (above, below) in enumerate(figure.subplots(2, 6).T):
    above.imshow(images[k, ..., 0], cmap="gray")
    below.imshow(gates["relu2"][k].mean(axis=-1), vmin=0, vmax=1)
    above.axis("off")
    below.axis("off")
figure.suptitle("digits, and the share of units that are on at each pixel")
figure.savefig(FOLDER / "gates.png")

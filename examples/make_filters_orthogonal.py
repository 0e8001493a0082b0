"""Make its filters orthogonal.

"From Hard to Soft" reads a layer as an inference: each unit decides which of
its linear pieces the input belongs to, and decides for itself. Deciding for all
units together would be better, and is the same where their filters (rows of
weights) are orthogonal.

Here filters are what the Gram-Schmidt process makes of the weights that are
trained, as a differentiable function: orthogonal at every step, not only in the
end. One flag does it; any Keras model can have such layers too
(`dlgn_tf.layers.OrthogonalDense`, `OrthogonalConv2D`).

The heat maps compare two layers of both value networks. The first has more
filters than inputs, which cannot all be orthogonal: these become a tight frame,
as orthogonal as their number allows.
"""

from train_a_dlgn import RUN_DIR

from dlgn_tf import fit, load_run
from dlgn_tf.regularizers import largest_cosine
from dlgn_tf.splines import drawings

ORTHOGONAL_DIR = f"{RUN_DIR}_orthogonal"

fit(
    "fc_dlgn",
    "digits",
    run_dir=ORTHOGONAL_DIR,
    width=128,
    depth=4,
    learning_rates=0.001,
    train_steps=450,
    eval_every=150,
    verbose=False,
    orthogonal_reparametrization="gram_schmidt",
)

filters = {}
for run_dir in (RUN_DIR, ORTHOGONAL_DIR):
    run = load_run(run_dir)
    network = run.model.value_network
    cosine = float(largest_cosine(network.get_layer("dense2").kernel))
    print(f"{run_dir}: largest |cosine| in dense2 {cosine:.0e}")
    of_layers = drawings.gram_matrices.filters_of(network)
    filters[run.config.orthogonal_reparametrization] = {
        name: of_layers[name] for name in ("dense1", "dense2")
    }

picture = drawings.gram_matrices.draw(filters, "|cosines| between filters")
picture.figure.savefig(f"{RUN_DIR}/orthogonal.png")

"""Make its filters orthogonal.

The same network, its filters a differentiable function of the weights that are
trained: what the Gram-Schmidt process makes of them, exactly. One flag does it;
any Keras model can have such layers too.
"""

import subprocess
import sys

from dlgn_tf.regularizers import largest_cosine
from dlgn_tf.splines.drawings import gram_matrices
from dlgn_tf.training import runs

command = """-m dlgn_tf.train --model=c4gap_dlgn --dataset=digits --width=16
    --padding=circular --learning_rates=0.001 --train_steps=900
    --eval_every=300 --orthogonal_reparametrization=gram_schmidt
    --run_dir=runs/tour_orthogonal"""
subprocess.run([sys.executable, *command.split()], check=True)

filters = {}
for run_dir in ("runs/tour", "runs/tour_orthogonal"):
    model, config, step = runs.load_run(run_dir)
    network = model.value_network
    cosine = float(largest_cosine(network.get_layer("conv4").kernel))
    print(f"{run_dir}: largest |cosine| between two filters {cosine:.0e}")
    filters[config.orthogonal_reparametrization] = gram_matrices.filters_of(
        network
    )

picture = gram_matrices.draw(filters, "|cosines| between filters")
picture.figure.savefig("runs/tour/orthogonal.png")

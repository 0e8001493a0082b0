"""Train a DLGN on digits.

A deep linearly gated network is two networks: the gating network, linear in the
image, says which units are on; the value network computes with them. Padding is
circular, so that the theory of its kernel holds to the letter.
"""

import subprocess
import sys

# Half a minute on two cores. A finished run is not trained again.
command = """-m dlgn_tf.train --model=c4gap_dlgn --dataset=digits --width=16
    --padding=circular --learning_rates=0.001 --train_steps=900
    --eval_every=300 --run_dir=runs/tour"""
subprocess.run([sys.executable, *command.split()], check=True)

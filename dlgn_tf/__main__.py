"""The commands of the package: python -m dlgn_tf."""

import sys

# In the order in which one comes to need them.
COMMANDS = {
    "train": "trains a network, or goes on with a run",
    "evaluate": "test accuracy of a run or of trained weights",
    "inspect_model": "what each gate looks at and each unit says: a page",
    "explain": "what each pixel adds to a decision, what would flip it: a page",
    "export": "a run for other programs: SavedModel, ONNX, LiteRT",
    "remove_layers": "accuracy of a run with each of its blocks left out",
    "dual": "neural path kernel of a run, and learning with it",
    "dual.theorems": "how networks come to the kernels of the theorems",
    "dual.spectral": "which frequencies networks can have and learn",
    "splines": "layers as max-affine splines: partitions, mixtures, filters",
    "complexity": "components of a feature by how many layers they take",
    "rainbow": "covariances of trained weights, and networks drawn from them",
    "locality": "what nodes of students come to know of latent events",
    "tabular": "a DLGN on a table: half-spaces, the tree that it computes",
    "claims": "the papers' claims as experiments",
    "claims.page": "a page of a file of claims",
}


def main(arguments):
    """Lists the commands; returns an exit status."""
    if arguments not in ([], ["--help"], ["-h"]):
        print(
            "dlgn_tf: Expected python -m dlgn_tf.COMMAND, such as python -m "
            f"dlgn_tf.train. Received: python -m dlgn_tf {arguments[0]}",
            file=sys.stderr,
        )
        return 2
    print("python -m dlgn_tf.COMMAND; --help of each says more.\n")
    for command, what in COMMANDS.items():
        print(f"  {command:<14} {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

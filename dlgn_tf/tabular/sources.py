"""Names of the data that the command knows. Imports nothing."""

# Labels of oblique trees, see `dlgn_tf.tabular.trees.data`.
TASKS = ("sdi", "sdii", "sdiii")
# Tables of scikit-learn; the last one is a regression.
OF_SCIKIT_LEARN = ("breast_cancer", "wine", "iris", "digits", "diabetes")

"""The experiments, a module each, with a function `run(command, output)`.

It writes tables and pictures to a `dlgn_tf.output.folder.Output`, prints what
they say in a few lines, and returns the names of what is written.
"""

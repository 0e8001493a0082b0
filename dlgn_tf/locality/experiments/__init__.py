"""What `python -m dlgn_tf.locality` measures, an experiment a module.

`run(command, output)` of each measures, writes, tells, and returns the names of
the tables.
"""

"""One comparison a file: its function `compare` yields rows of the table.

The name of the file is its name in --only.
"""

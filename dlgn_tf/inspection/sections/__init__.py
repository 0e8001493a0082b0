"""The sections of the page, one a file: each has `add(report)`."""

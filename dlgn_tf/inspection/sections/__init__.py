"""The sections of the page, one per file: each has `add(report)`."""

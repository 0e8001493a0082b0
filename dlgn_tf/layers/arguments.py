"""The one error for an argument of a layer that lies outside its range."""


def check(valid, name, value, expected):
    """Raises a `ValueError` unless the value of an argument is valid."""
    if not valid:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected {expected}. "
            f"Received: {name}={value!r}"
        )

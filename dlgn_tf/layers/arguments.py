"""The one error for an argument of a layer that lies outside its range."""


def check(valid, name, value, expected):
    """Raises a `ValueError` unless the value of an argument is valid."""
    if not valid:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected {expected}. "
            f"Received: {name}={value!r}"
        )


def check_choice(name, value, choices):
    """Raises a `ValueError` unless the value is one of a tuple's."""
    check(value in choices, name, value, f"one of {choices}")


def positive_integer(name, value):
    """The value as an integer; raises a `ValueError` unless it is one >= 1."""
    valid = 1 <= value < float("inf") and value == int(value)
    check(valid, name, value, "an integer >= 1")
    return int(value)

"""How claims say what they have measured."""


def listed(numbers, form=".2f", separator=" "):
    """Numbers on one line: `0.19 0.09 0.05`.

    Args:
        numbers: Iterable of numbers.
        form: String, format of each.
        separator: String.

    Returns:
        String.
    """
    return separator.join(f"{number:{form}}" for number in numbers)

"""Prices and quantities as carriers write them, read without ever passing through a float."""

NANO_DECIMALS = 9
MICRO_DECIMALS = 6
# More digits than any price has; bounds the work that a hostile file can cause.
NUMBER_DIGITS_MAX = 40


class UnreadableCellError(ValueError):
    """A text that is not what its column should hold: the reason and what is wrong."""

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(problem)
        self.reason = reason
        self.problem = problem


def scaled_amount(text: str, separator: str, multiplier: int, divisor: int, decimals: int) -> int:
    """The number times multiplier by divisor, as an integer of 10^-decimals; exact or refused."""
    whole, fraction = _digits(text, separator)
    numerator = int(whole + fraction) * int(10**decimals) * multiplier
    amount, remainder = divmod(numerator, int(10 ** len(fraction)) * divisor)
    if remainder:
        raise UnreadableCellError(
            "PRICE_TOO_PRECISE", f"{text!r} needs more than {decimals} decimals; round it"
        )
    return amount


def whole_number(text: str, number_max: int) -> int:
    """A number of seconds, messages or bytes."""
    if not (text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX):
        shown = text[:NUMBER_DIGITS_MAX]
        raise UnreadableCellError("INVALID_QUANTITY", f"{shown!r} is not a whole number")
    if int(text) > number_max:
        raise UnreadableCellError("INVALID_QUANTITY", f"{text} is more than {number_max}")
    return int(text)


def _digits(text: str, separator: str) -> tuple[str, str]:
    """The digits before and after the decimal separator."""
    whole, _, fraction = text.partition(separator)
    digits = whole + fraction
    if digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS_MAX:
        return whole or "0", fraction
    raise UnreadableCellError(
        "INVALID_PRICE",
        f"{text[:NUMBER_DIGITS_MAX]!r} is not a price; "
        f"write digits with at most one {separator!r} before the decimals",
    )

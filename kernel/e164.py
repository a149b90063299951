"""Telephone numbers: what was dialled becomes an international number, or keeps its own kind.

ITU-T E.164 allows at most 15 digits, none of its country codes begins with 0, and it sets no
minimum. Ours is 7, the shortest full numbers we know of in service (Niue: 683 and four digits).
A lower one would price an extension like 2001 as a call to Egypt.
"""

from dataclasses import dataclass
from enum import IntEnum

from kernel.errors import DomainError, ErrorKind

COUNTRY_CODE_DIGITS_MAX = 3
E164_DIGITS_MIN = 7
E164_DIGITS_MAX = 15
SHOWN_CHARACTERS_MAX = 40

# The North American plan: no national number begins with its country code, which is also dialled
# before long-distance numbers.
_NANP_COUNTRY_CODE = "1"

_SEPARATORS = str.maketrans("", "", "-. ()/")


class NumberKind(IntEnum):
    """What kind of number was called; the values are those of tollbook.type.v1.NumberKind."""

    E164 = 1
    SHORT_CODE = 2
    EMERGENCY = 3


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """How numbers are dialled at one source. INVALID_NUMBER_PLAN unless all of it is digits."""

    country_code: str
    """The country calling code that national numbers belong to, e.g. 31."""
    national_prefix: str
    """What is dialled before a national number, e.g. 0; empty when nothing is (as in the USA)."""
    international_prefixes: tuple[str, ...] = ()
    """What is dialled before an international number, e.g. 00; '+' always works."""
    short_codes: frozenset[str] = frozenset()
    """Services and extensions: never E.164."""
    emergency_numbers: frozenset[str] = frozenset()
    """Always pass, always free."""

    def __post_init__(self) -> None:
        if not _is_country_code(self.country_code):
            raise _invalid_plan("country code", self.country_code, "1 to 3 digits, e.g. 31")
        if self.national_prefix and not _is_digits(self.national_prefix):
            raise _invalid_plan("national prefix", self.national_prefix, "digits, or nothing")
        for name, values in (
            ("international prefix", self.international_prefixes),
            ("short code", self.short_codes),
            ("emergency number", self.emergency_numbers),
        ):
            for value in values:
                if not _is_digits(value):
                    raise _invalid_plan(name, value, "digits, without spaces or '+'")


@dataclass(frozen=True, slots=True)
class DialledNumber:
    """A normalised number: its digits without '+', and its kind."""

    digits: str
    kind: NumberKind


def normalise(text: str, plan: NumberPlan) -> DialledNumber:
    """What a caller dialled, in one form; INVALID_NUMBER when it can only be guessed.

    Spaces and the signs - . ( ) / are ignored. Emergency numbers come first, then short codes,
    then '+' and the international prefixes, then the national prefix. A number without any prefix
    is national in a plan without a national prefix. In a plan with one it is taken as E.164
    without '+', because that is how most switches write full numbers.
    """
    dialled = text.translate(_SEPARATORS)
    digits = dialled.removeprefix("+")
    if digits in plan.emergency_numbers:
        return DialledNumber(digits, NumberKind.EMERGENCY)
    if dialled in plan.short_codes:
        return DialledNumber(digits, NumberKind.SHORT_CODE)
    if not _is_digits(digits):
        raise _invalid_number(text, "it is not made of digits; correct it at the source")
    if "(0)" in text:
        raise _invalid_number(text, "an optional (0) can be read in two ways; write it without")
    number = digits if len(dialled) > len(digits) else _to_international(digits, plan)
    _check_e164(number, text)
    return DialledNumber(number, NumberKind.E164)


def is_e164(text: str) -> bool:
    """Whether a text is the digits of an international number, as `normalise` makes them."""
    return _is_digits(text) and E164_DIGITS_MIN <= len(text) <= E164_DIGITS_MAX and text[0] != "0"


def _to_international(digits: str, plan: NumberPlan) -> str:
    """The number with its country code first, by what was dialled before it."""
    if digits.startswith(plan.international_prefixes):
        prefixes = filter(digits.startswith, plan.international_prefixes)
        return digits[max(map(len, prefixes)) :]
    if not plan.national_prefix:
        has_country_code = plan.country_code == _NANP_COUNTRY_CODE == digits[0]
        return digits if has_country_code else plan.country_code + digits
    if digits.startswith(plan.national_prefix):
        return plan.country_code + digits[len(plan.national_prefix) :]
    return digits


def _check_e164(number: str, text: str) -> None:
    if not E164_DIGITS_MIN <= len(number) <= E164_DIGITS_MAX:
        raise _invalid_number(
            text,
            f"as an international number it has {len(number)} digits instead of "
            f"{E164_DIGITS_MIN} to {E164_DIGITS_MAX}; if it is a service or an extension, "
            "add it to the short codes of the source's profile",
        )
    if number[0] == "0":
        raise _invalid_number(
            text,
            "no country code begins with 0; check the national and international prefixes "
            "of the source's profile",
        )


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_country_code(text: str) -> bool:
    return _is_digits(text) and text[0] != "0" and len(text) <= COUNTRY_CODE_DIGITS_MAX


def _invalid_number(text: str, problem: str) -> DomainError:
    shown = text[:SHOWN_CHARACTERS_MAX]
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "INVALID_NUMBER",
        f"{shown!r} is not a telephone number: {problem}",
        {"number": shown},
    )


def _invalid_plan(name: str, value: str, expected: str) -> DomainError:
    shown = value[:SHOWN_CHARACTERS_MAX]
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "INVALID_NUMBER_PLAN",
        f"the {name} {shown!r} must be {expected}",
        {"element": name, "value": shown},
    )

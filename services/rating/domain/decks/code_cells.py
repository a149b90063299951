"""Cells that hold several codes: lists, ranges and codes in two parts, as carriers write them."""

from __future__ import annotations

from collections.abc import Sequence

from services.rating.domain.decks.deck_mapping import CodeCells, CodeHyphen
from services.rating.domain.decks.price_text import UnreadableCellError
from services.rating.domain.decks.rate_deck import NUMBER_DIGITS_MAX

RANGE_CODES_MAX = 10_000
SHOWN_CHARACTERS_MAX = 40


def prefix_of(text: str) -> str:
    """The digits of a prefix. Raises INVALID_PREFIX."""
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS_MAX):
        raise _invalid(text, f"is not a prefix; write 1 to {NUMBER_DIGITS_MAX} digits")
    return digits


def prefixes_of(text: str, country_code: str, cells: CodeCells) -> list[str]:
    """The prefixes that a cell of codes stands for, in its order. Raises INVALID_PREFIX."""
    prefixes: list[str] = []
    for code in _split(text, cells.separators):
        digits = code.replace(" ", "") if cells.spaces_group_digits else code
        prefixes += _spread(digits, cells.hyphen)
        if len(prefixes) > RANGE_CODES_MAX:
            raise _invalid(text, f"stands for more than {RANGE_CODES_MAX} codes; split the row")
    country = prefix_of(country_code) if cells.country_code_column else ""
    return [prefix_of(country + prefix) for prefix in prefixes]


def _split(text: str, separators: str) -> Sequence[str]:
    """The codes of a list; a separator at its end, or twice, is none of them."""
    if not separators:
        return [text]
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    codes = [code.strip() for code in text.split(separators[0])]
    return [code for code in codes if code] or [text]


def _spread(code: str, hyphen: CodeHyphen) -> Sequence[str]:
    first, found, last = code.partition("-")
    if not found or hyphen is CodeHyphen.REFUSED:
        return [prefix_of(code)]
    first, last = prefix_of(first.strip()), prefix_of(last.strip())
    if hyphen is CodeHyphen.JOINS:
        return [first + last]
    if len(first) != len(last) or first > last:
        problem = "is no range; write its first and last code, both of as many digits"
        raise _invalid(code, problem)
    if int(last) - int(first) >= RANGE_CODES_MAX:
        raise _invalid(code, f"stands for more than {RANGE_CODES_MAX} codes; split the row")
    return [f"{each:0{len(first)}}" for each in range(int(first), int(last) + 1)]


def _invalid(text: str, problem: str) -> UnreadableCellError:
    return UnreadableCellError("INVALID_PREFIX", f"{text[:SHOWN_CHARACTERS_MAX]!r} {problem}")

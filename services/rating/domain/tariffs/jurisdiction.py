"""Whether a call stays within a state of the United States, by the area codes of both sides.

What matters is where the numbers are at home: the first six digits of caller and callee, or of the
routing number of a ported callee (LRN). District of Columbia and territories count as states.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from services.rating.domain.errors import invalid_field
from services.rating.domain.plans.conditions import Jurisdiction
from services.rating.domain.tariffs.us_area_codes import US_AREA_CODES, US_STATES

# Every exchange in service has room, about 200,000.
NUMBERING_FILE_BYTES_MAX = 3 * 1024 * 1024
HEADER = ["prefix", "state"]

_NUMBER_DIGITS = 11
_AREA_CODE_DIGITS = 4
_EXCHANGE_DIGITS = 7
_PREFIX = re.compile(r"1[2-9][0-9]{2}([2-9][0-9]{2})?", re.ASCII)


class NumberingArea(NamedTuple):
    """An area code, or an exchange of it, and the state that it lies in."""

    prefix: str
    """1 and three digits (NPA), or 1 and six (NPA-NXX)."""
    state: str
    """The postal code, e.g. NJ."""


class NumberingAreas:
    """All area codes of the United States, refined by rows of a tenant's own."""

    def __init__(self, refinements: Iterable[NumberingArea] = ()) -> None:
        self._states = {**US_AREA_CODES, **dict(refinements)}

    def state_of(self, number: str) -> str:
        """The state of a number in E.164 digits; '' where it has none, or none that is known."""
        if len(number) != _NUMBER_DIGITS or number[0] != "1":
            return ""
        exchange = self._states.get(number[:_EXCHANGE_DIGITS])
        return exchange or self._states.get(number[:_AREA_CODE_DIGITS], "")

    def jurisdiction(self, caller: str, number: str) -> Jurisdiction:
        """Of a call from a caller to the number that decks are asked for."""
        origin, destination = self.state_of(caller), self.state_of(number)
        if not origin or not destination:
            return Jurisdiction.INDETERMINATE
        return Jurisdiction.INTRASTATE if origin == destination else Jurisdiction.INTERSTATE


US_NUMBERING_AREAS = NumberingAreas()


def parse_numbering_areas(content: bytes) -> list[NumberingArea]:
    """The rows of a CSV file, all of them good: INVALID_NUMBERING_AREA naming the line.

    Also FILE_TOO_LARGE and INVALID_ENCODING.
    """
    if len(content) > NUMBERING_FILE_BYTES_MAX:
        problem = f"{len(content)} bytes are more than {NUMBERING_FILE_BYTES_MAX}"
        raise invalid_field("FILE_TOO_LARGE", "content", problem)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise invalid_field("INVALID_ENCODING", "content", "save the file as UTF-8") from None
    areas: dict[str, NumberingArea] = {}
    for number, line in enumerate(lines, start=1):
        prefix, _, state = line.replace(" ", "").partition(",")
        if not line.strip() or (number == 1 and [prefix, state] == HEADER):
            continue
        problem = f"prefix {prefix[:20]!r} stands twice" if prefix in areas else ""
        problem = problem or _problem_of(prefix, state)
        if problem:
            raise invalid_field("INVALID_NUMBERING_AREA", "content", f"line {number}: {problem}")
        areas[prefix] = NumberingArea(prefix, state)
    return list(areas.values())


def _problem_of(prefix: str, state: str) -> str:
    """What is wrong with a row; nothing for a good one."""
    if not _PREFIX.fullmatch(prefix):
        return f"{prefix[:20]!r} is no area; write 1 and three or six digits, e.g. 1201555"
    if state not in US_STATES:
        return f"{state[:20]!r} is no state or territory; write its postal code, e.g. NJ"
    return ""

"""Whether a call stays within a state of the United States, by the area codes of both sides.

What matters is where the numbers are at home: the first six digits of caller and callee, or of the
routing number of a ported callee (LRN). District of Columbia and territories count as states.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from services.rating.domain.conditions import Jurisdiction
from services.rating.domain.errors import invalid_field
from services.rating.domain.us_area_codes import US_AREA_CODES, US_STATES

# Every exchange of the plan has room, eight hundred to an area code.
NUMBERING_AREAS_MAX = 300_000

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


def check_numbering_areas(areas: list[NumberingArea]) -> None:
    """Refuse rows that are no area of the United States, or said twice: INVALID_NUMBERING_AREA."""
    if len(areas) > NUMBERING_AREAS_MAX:
        problem = f"{len(areas)} rows are more than {NUMBERING_AREAS_MAX}"
        raise invalid_field("INVALID_NUMBERING_AREA", "areas", problem)
    seen: set[str] = set()
    for place, (prefix, state) in enumerate(areas):
        if not _PREFIX.fullmatch(prefix) or prefix in seen:
            problem = f"prefix {prefix[:20]!r} must be 1 and three or six digits, and only once"
            raise invalid_field("INVALID_NUMBERING_AREA", f"areas[{place}].prefix", problem)
        if state not in US_STATES:
            problem = f"{state[:20]!r} is no state or territory; write its postal code, e.g. NJ"
            raise invalid_field("INVALID_NUMBERING_AREA", f"areas[{place}].state", problem)
        seen.add(prefix)

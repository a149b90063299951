"""How caller and callee belong together: by who pays for the callee's number at the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.rating.domain.plans.conditions import Relation


class LineNumber(NamedTuple):
    """A number that belongs to an account for a time; times in microseconds since 1970."""

    account_id: str
    payer_account_id: str
    start_micros: int
    end_micros: int | None


class NumberOwners:
    """Whose the numbers of a tenant are, over time. Numbers that are missing belong to nobody."""

    def __init__(self, lines: Mapping[str, Sequence[LineNumber]]) -> None:
        self._lines = lines

    def payer_at(self, number: str, instant_micros: int) -> str | None:
        """Who pays for a number at an instant; of two lines, for the one that began last."""
        in_force = [
            line
            for line in self._lines.get(number, ())
            if line.start_micros <= instant_micros
            and (line.end_micros is None or instant_micros < line.end_micros)
        ]
        return max(in_force, key=_start).payer_account_id if in_force else None

    def relation(self, payer_account_id: str, callee: str, instant_micros: int) -> Relation:
        """Of an account's payer to a called number."""
        return relation_of(payer_account_id, self.payer_at(callee, instant_micros))


NO_NUMBERS = NumberOwners({})


def relation_of(payer_account_id: str, callee_payer_account_id: str | None) -> Relation:
    """Of who pays for the caller to who pays for the callee, None for nobody here."""
    if callee_payer_account_id is None:
        return Relation.OFF_NET
    same = payer_account_id == callee_payer_account_id
    return Relation.SAME_ACCOUNT if same else Relation.ON_NET


def _start(line: LineNumber) -> int:
    return line.start_micros

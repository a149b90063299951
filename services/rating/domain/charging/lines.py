"""Whose a call is: the account to which its line, its trunk or its caller belongs at its start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from services.rating.domain.charging.requests import ChargedCall


class LineKind(IntEnum):
    """What identifies a line; the values are those of tollbook.invoice.v1.LineKind."""

    ACCOUNT_CODE = 1
    SIP_USER = 2
    NUMBER = 3
    TRUNK = 4


class Line(NamedTuple):
    """An identifier that belongs to an account for a time; times in microseconds since 1970."""

    kind: LineKind
    account_id: str
    start_micros: int
    end_micros: int | None

    def is_in_force(self, instant_micros: int) -> bool:
        """Whether it belongs to its account at an instant."""
        ends = self.end_micros
        return self.start_micros <= instant_micros and (ends is None or instant_micros < ends)


# What a switch names a line by, the likeliest first, where two lines are called alike.
_LINE_KINDS = (LineKind.SIP_USER, LineKind.TRUNK, LineKind.NUMBER, LineKind.ACCOUNT_CODE)


def identifiers_of(call: ChargedCall) -> list[str]:
    """By what the account of a call can be found; nothing when the call names its account."""
    return [identifier for identifier, _ in _ways(call)]


def account_of(call: ChargedCall, lines: Mapping[str, Sequence[Line]]) -> str | None:
    """The account that calls, by the lines with the call's identifiers; None: nobody knows it.

    A line that the switch names decides. Otherwise the trunk does if it is a line, else the caller.
    """
    if call.account_id:
        return call.account_id
    for identifier, kinds in _ways(call):
        for kind in kinds:
            in_force = [
                line
                for line in lines.get(identifier, ())
                if line.kind is kind and line.is_in_force(call.start_micros)
            ]
            if in_force:
                # Of two, the one that began last.
                return max(in_force, key=lambda line: line.start_micros).account_id
    return None


def _ways(call: ChargedCall) -> Iterator[tuple[str, Sequence[LineKind]]]:
    if call.account_id:
        return
    if call.line:
        yield call.line, _LINE_KINDS
        if call.line.startswith("+"):
            yield call.line[1:], (LineKind.NUMBER,)
        return
    if call.trunk:
        yield call.trunk, (LineKind.TRUNK,)
    if call.caller:
        yield call.caller, (LineKind.NUMBER,)

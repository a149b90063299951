"""Whose a call is, by its line, its trunk or its caller."""

from typing import Any

import pytest

from services.rating.domain.charging.lines import Line, LineKind, account_of, identifiers_of
from tests.unit.rating.live_calls import charged_call

START = charged_call().start_micros
LINES = {
    "100": (
        Line(LineKind.NUMBER, "by number", 0, None),
        Line(LineKind.SIP_USER, "by user", 0, None),
    ),
    "31201112222": (Line(LineKind.NUMBER, "by caller", 0, None),),
    "gateway": (
        Line(LineKind.TRUNK, "before", 0, START),
        Line(LineKind.TRUNK, "by trunk", START, None),
        Line(LineKind.TRUNK, "later", START + 1, None),
    ),
}


def owner(**changes: Any) -> str | None:
    call = charged_call(**{"account_id": "", "caller": "", **changes})
    found = {each: LINES[each] for each in identifiers_of(call) if each in LINES}
    return account_of(call, found)


@pytest.mark.parametrize(
    ("changes", "account"),
    [
        ({"account_id": "named", "line": "100"}, "named"),
        ({"line": "100", "trunk": "gateway"}, "by user"),
        ({"line": "+31201112222"}, "by caller"),
        ({"line": "nobody", "trunk": "gateway"}, None),
        ({"trunk": "gateway", "caller": "31201112222"}, "by trunk"),
        ({"trunk": "carrier", "caller": "31201112222"}, "by caller"),
        ({"trunk": "100"}, None),
        ({"caller": "100"}, "by number"),
        ({}, None),
    ],
)
def test_what_the_switch_names_decides_who_calls(
    changes: dict[str, Any], account: str | None
) -> None:
    """The account, else the line, else the trunk if it is one, else the caller's number."""
    assert owner(**changes) == account


def test_a_line_counts_for_who_had_it_when_the_call_began() -> None:
    """Its end is not within it."""
    assert owner(trunk="gateway", start_micros=START - 1) == "before"
    assert owner(trunk="gateway") == "by trunk"
    assert owner(trunk="gateway", start_micros=START + 1) == "later"

"""How much is granted at once, how long it counts, and in which words a refusal is told."""

from dataclasses import replace
from typing import Any

import pytest

from kernel.errors import DomainError
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.policy import (
    DEFAULT_POLICY,
    ChargingPolicy,
    OutageRule,
    check_policy,
)
from services.rating.domain.charging.return_codes import (
    STANDARD_TABLE,
    ReturnCodes,
    check_codes,
    codes_of,
    read_reason,
)
from services.rating.domain.errors import INVALID_QUANTITY, UNRATED_MESSAGES

SPENT = ReturnCodes(480, "Temporarily Unavailable", 31, 4)


def test_a_request_for_nothing_in_particular_gets_the_slice_of_the_policy() -> None:
    """One for a number of seconds gets those."""
    policy = ChargingPolicy(open_seconds=30, extend_seconds=90)
    assert (policy.open_slice(0), policy.extend_slice(0)) == (30, 90)
    assert (policy.open_slice(7), policy.extend_slice(8)) == (7, 8)


def test_money_is_held_longer_than_the_grant_counts() -> None:
    """Unused seconds, then setup and ringing; then the grace, in which nobody else gets it."""
    policy = ChargingPolicy(validity_seconds=180, grace_seconds=60)
    assert policy.valid_seconds(50) == 230
    assert policy.hold_seconds(50) == 290


@pytest.mark.parametrize(
    ("used", "granted", "at"), [(0, 60, 50), (50, 110, 100), (60, 66, 63), (60, 61, 60), (0, 8, 4)]
)
def test_more_is_asked_for_before_the_end_and_not_at_once(used: int, granted: int, at: int) -> None:
    """Ten seconds before, but of a short grant half is used first."""
    assert DEFAULT_POLICY.ask_again_at(used, granted) == at


@pytest.mark.parametrize(
    "changes",
    [
        {"open_seconds": 0},
        {"extend_seconds": 86_401},
        {"ask_again_lead_seconds": -1},
        {"validity_seconds": 0},
        {"grace_seconds": 86_401},
        {"outage_rule": OutageRule.ALLOW},
        {"outage_seconds": 10},
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(changes: dict[str, Any]) -> None:
    """So is an allowance of no seconds, and seconds without an allowance."""
    check_policy(DEFAULT_POLICY)
    with pytest.raises(DomainError) as refused:
        check_policy(replace(DEFAULT_POLICY, **changes))
    assert refused.value.reason == "INVALID_CHARGING_POLICY"


def test_every_reason_has_standard_codes() -> None:
    """A call that may go on is told 200, normal clearing and success; any other is refused."""
    assert set(STANDARD_TABLE) == set(Reason)
    assert (UNRATED_MESSAGES.keys() - {INVALID_QUANTITY}) <= set(Reason), "why a call has no price"
    granted = {Reason.NONE, Reason.OFFLINE_ALLOWANCE}
    for reason, codes in STANDARD_TABLE.items():
        check_codes("any", codes)
        assert (codes.sip == 200, codes.h323 == 0) == (reason in granted, reason in granted)


def test_an_equipment_is_told_its_own_codes_and_else_the_standard_ones() -> None:
    """Reason by reason."""
    tables = {("gateway", Reason.INSUFFICIENT_FUNDS): SPENT}
    assert codes_of(tables, "gateway", Reason.INSUFFICIENT_FUNDS) == SPENT
    assert codes_of(tables, "gateway", Reason.NO_RATE) == STANDARD_TABLE[Reason.NO_RATE]
    assert codes_of(tables, "", Reason.INSUFFICIENT_FUNDS).sip == 402


@pytest.mark.parametrize(
    ("equipment", "codes"),
    [
        ("", SPENT),
        ("e" * 65, SPENT),
        ("e", SPENT._replace(sip=199)),
        ("e", SPENT._replace(sip=700)),
        ("e", SPENT._replace(q850=128)),
        ("e", SPENT._replace(h323=-1)),
        ("e", SPENT._replace(sip_phrase="")),
        ("e", SPENT._replace(sip_phrase="a\r\nb")),
    ],
)
def test_codes_that_no_equipment_understands_are_refused(
    equipment: str, codes: ReturnCodes
) -> None:
    """A phrase with a line feed would be a header of SIP."""
    with pytest.raises(DomainError) as refused:
        check_codes(equipment, codes)
    assert refused.value.reason == "INVALID_RETURN_CODE"


def test_a_reason_that_is_none_is_refused() -> None:
    """With those that are."""
    assert read_reason("NO_RATE") is Reason.NO_RATE
    with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
        read_reason("BROKE")

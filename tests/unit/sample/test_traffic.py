"""The sample's calls end as a careful person expects, whatever cdr makes of them."""

from collections import Counter
from datetime import UTC, datetime
from functools import cache

import pytest

from deploy.local.sample import asterisk
from deploy.local.sample.calls import FRAUD_ACCOUNT, FRAUD_CALLS, late_calls, month_of_calls
from deploy.local.sample.operator import AURORA, BOREALIS, MARKETS, TENANTS, Tenant
from deploy.local.sample.traffic import traffic_of
from kernel.clock import to_micros
from kernel.e164 import NumberPlan
from kernel.period import BillingCycle
from services.cdr.domain.formats import asterisk_csv, freeswitch_json
from services.cdr.domain.framing import line_framer
from services.cdr.domain.normalisation import Parser, Reader
from services.cdr.domain.records import NormalisedCall, RawRecord, Rejection
from services.cdr.domain.source import LineRule, RecordFormat, Source, SourceProfile

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NOW_MICROS = to_micros(NOW)


def reader(parse: Parser, rule: LineRule, time_zone: str, country_code: str) -> Reader:
    plan = NumberPlan(country_code, "0", ("00",), emergency_numbers=frozenset({"112"}))
    profile = SourceProfile(plan, rule, call_key_kind=3, time_zone=time_zone)
    source = Source("tenant", "source", "code", RecordFormat.ASTERISK_CSV, profile, NOW)
    return Reader(source, parse)


@cache
def read_all(tenant: Tenant) -> list[NormalisedCall | Rejection]:
    """Every record of a tenant, read as cdr reads it."""
    traffic = traffic_of(tenant)
    from_log = reader(asterisk_csv.parse, LineRule.ACCOUNT_CODE, asterisk.TIME_ZONE, "31")
    pushed = reader(freeswitch_json.parse, LineRule.SIP_USER, "UTC", "44")
    raws = [
        *line_framer("a").feed(traffic.log.rotated),
        *line_framer("b").feed(traffic.log.current),
    ]
    documents = [RawRecord(document, "push") for document in traffic.documents]
    return [from_log.read(raw, NOW_MICROS) for raw in raws] + [
        pushed.read(raw, NOW_MICROS) for raw in documents
    ]


def lines_of(tenant: Tenant) -> set[str]:
    return {account.code for account in tenant.accounts} | {
        account.sip_user for account in tenant.accounts
    }


@pytest.mark.parametrize("tenant", TENANTS, ids=lambda tenant: tenant.tenant_id)
def test_every_record_ends_as_the_sample_expects(tenant: Tenant) -> None:
    """Received = accepted + duplicate + suspended, each suspended one for its stated reason."""
    traffic = traffic_of(tenant)
    read = read_all(tenant)
    known = lines_of(tenant)
    reasons = Counter(
        each.reason.value if isinstance(each, Rejection) else "UNKNOWN_LINE"
        for each in read
        if isinstance(each, Rejection) or each.line_identifier not in known
    )
    calls = [
        each for each in read if isinstance(each, NormalisedCall) and each.line_identifier in known
    ]
    accepted = {call.call_id for call in calls}
    assert len(read) == traffic.expected.received
    assert reasons == traffic.expected.suspended
    assert len(accepted) == traffic.expected.accepted
    assert len(calls) - len(accepted) == traffic.expected.duplicate


def test_a_repeated_record_has_the_content_of_the_first() -> None:
    """It is a duplicate, never a conflict."""
    digests: dict[bytes, set[bytes]] = {}
    for each in read_all(AURORA):
        if isinstance(each, NormalisedCall):
            digests.setdefault(each.call_id, set()).add(each.content_digest)
    assert {len(contents) for contents in digests.values()} == {1}


def test_the_month_has_at_least_two_thousand_calls_in_both_formats() -> None:
    """Most by Asterisk, hundreds by FreeSWITCH."""
    traffic = traffic_of(AURORA)
    assert traffic.expected.accepted >= 2_000
    assert len(traffic.documents) >= 300


def test_the_same_calls_come_out_every_time() -> None:
    """Every installation shows the same figures."""
    assert month_of_calls() == month_of_calls()
    assert late_calls() == late_calls()


def test_both_tenants_have_calls_with_the_same_keys() -> None:
    """What tells them apart is who hands the records over, not what is in them."""
    keys = [
        {each.call_key for each in read_all(tenant) if isinstance(each, NormalisedCall)}
        for tenant in (AURORA, BOREALIS)
    ]
    assert len(keys[1] & keys[0]) > 600


def test_every_call_is_of_the_sample_month_in_its_accounts_zone() -> None:
    """Closing the month takes all of them; the late ones belong to it too."""
    months = {
        market.currency: BillingCycle(market.time_zone, 1).period_of(
            datetime(2026, 3, 15, tzinfo=UTC)
        )
        for market in MARKETS.values()
    }
    for call in [*month_of_calls(), *late_calls()]:
        assert months[call.account.currency].contains(call.start)


def test_a_late_call_is_none_that_was_handed_over_before() -> None:
    """Else it would be a duplicate and correct nothing."""
    on_time = {call.number for call in month_of_calls()}
    assert on_time.isdisjoint({call.number for call in late_calls()})


def test_the_fraud_is_a_burst_within_one_window() -> None:
    """More dear calls than the rule lets through, all within an hour of a night."""
    burst = [call for call in month_of_calls() if call.callee.startswith("00881")]
    assert {call.account.code for call in burst} == {FRAUD_ACCOUNT}
    assert len(burst) == FRAUD_CALLS > 10
    assert (burst[-1].start - burst[0].start).total_seconds() < 3_600

"""A sealed period holds what was counted, for ever, whatever comes at the same time or after."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chassis.grpc.convert import money_from_proto, range_to_proto
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.period import Period
from kernel.set_digest import SetDigest
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import (
    APRIL,
    MARCH,
    MOBILE,
    NOON,
    UNKNOWN,
    euros,
    seconds_later,
)
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.charge_pb2 import Charge, ChargeKind

CALLS = 40


def at(month: int, day: int) -> datetime:
    """A midnight of 2026 in UTC."""
    return datetime(2026, month, day, tzinfo=UTC)


async def charge_fee(
    desk: Desk,
    period: Period = MARCH,
    covered: Period | None = None,
    subscription_id: str = "",
    plan_id: str = "",
) -> Charge:
    """Ask for a fee as invoice does."""
    request = messages.ChargeRecurringFeeRequest(
        subscription_id=subscription_id or new_uuid(),
        account_id=desk.account_id,
        plan_id=plan_id or desk.plan_id,
        billing_period=range_to_proto(period),
        covered_period=range_to_proto(covered or period),
        request_id=new_uuid(),
    )
    return (await desk.periods.ChargeRecurringFee(request, None)).charge


async def test_a_seal_counts_the_priced_charges_of_its_period(desk: Desk) -> None:
    """Count, sum and digest by usage line; calls without a price are told apart."""
    await desk.collect(
        desk.call(),
        desk.call(seconds=30, start=seconds_later(NOON, 1)),
        desk.call(callee=MOBILE, start=seconds_later(NOON, 2)),
        desk.call(callee=UNKNOWN, start=seconds_later(NOON, 3)),
        desk.call(start=APRIL.start),
    )
    seal = await desk.seal()
    lines = {line.usage_line: (line.charge_count, line.amount.nanos) for line in seal.usage_lines}
    assert lines == {
        "Netherlands": (2, 90_000_000),
        "Netherlands Mobile": (1, 120_000_000),
    }
    assert (seal.charge_count, seal.amount.nanos, seal.unrated_count) == (3, 210_000_000, 1)


async def test_the_digest_of_a_seal_is_what_invoice_computes_from_the_events(desk: Desk) -> None:
    """Charge id, revision in 4 bytes, delta in 8: the same set, whatever the order."""
    await desk.collect(*(desk.call(start=seconds_later(NOON, s)) for s in range(3)))
    digest = SetDigest()
    for batch in await desk.published():
        rows = zip(
            batch.key16("charge_id"),
            batch.int32("revision").tolist(),
            batch.int64("amount_delta").tolist(),
            strict=True,
        )
        for charge_id, revision, delta in rows:
            assert charge_id is not None
            digest.add(charge_id + revision.to_bytes(4) + delta.to_bytes(8, signed=True))
    assert (await desk.seal()).digest == digest.hex()


async def test_a_period_is_sealed_once(desk: Desk) -> None:
    """A sealed period answers the same seal for ever."""
    await desk.collect(desk.call())
    first = await desk.seal()
    await desk.collect(desk.call(start=seconds_later(NOON, 1)))
    assert await desk.seal() == first


async def test_a_late_call_becomes_a_correction_in_the_open_period(desk: Desk) -> None:
    """As does a corrected record: the delta, not the whole."""
    call = desk.call()
    await desk.collect(call)
    await desk.seal()
    await desk.collect(desk.call(start=seconds_later(NOON, 1)), call.corrected(seconds=30))
    charges = await desk.charges()
    assert [charge.correction for charge in charges] == [True, True]
    assert {str(charge.billing_period) for charge in charges} == {str(range_to_proto(APRIL))}
    seal = await desk.seal(APRIL)
    assert (seal.charge_count, seal.amount.nanos) == (2, 60_000_000 - 30_000_000)


async def test_a_call_that_gets_its_price_after_the_seal_is_a_correction(desk: Desk) -> None:
    """It was not counted, so it must not change what was."""
    await desk.collect(desk.call(callee=UNKNOWN))
    assert (await desk.seal()).unrated_count == 1
    await desk.publish_deck("prefix,name,price,first,next\n49,Germany,0.05,1,1\n", "more")
    await desk.publish_terms(at(2, 1), rate_deck_ids=[desk.deck_id])
    await desk.retry()
    charge = await desk.charge()
    assert (charge.correction, euros([charge])) == (True, ["0.0500"])


@pytest.mark.parametrize(
    ("period", "reason"),
    [
        (APRIL, "PREVIOUS_PERIOD_OPEN"),
        (Period(at(3, 2), at(4, 1)), "INVALID_PERIOD"),
        (Period(at(2, 1), at(3, 1)), "INVALID_PERIOD"),
    ],
)
async def test_periods_are_sealed_in_their_order(desk: Desk, period: Period, reason: str) -> None:
    """Exactly as the account's cycle cuts them."""
    with pytest.raises(DomainError) as refusal:
        await desk.seal(period)
    assert refusal.value.reason == reason


async def test_a_period_that_is_not_over_is_not_sealed(desk: Desk) -> None:
    """Nor one of an account that nobody knows."""
    account_id = new_uuid()
    now = datetime.now(UTC)
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    await desk.know_account(account_id, start_time=start)
    end = (start + timedelta(days=32)).replace(day=1)
    with pytest.raises(DomainError) as refusal:
        await desk.seal(Period(start, end), account_id)
    assert refusal.value.reason == "PERIOD_NOT_OVER"
    with pytest.raises(DomainError) as refusal:
        await desk.seal(MARCH, new_uuid())
    assert refusal.value.reason == "UNKNOWN_ACCOUNT"


async def test_calls_racing_a_seal_are_counted_or_corrected_never_lost(desk: Desk) -> None:
    """Forty calls and the seal at once: what the seal misses is a correction, to the micro."""
    calls = [desk.call(start=seconds_later(NOON, second)) for second in range(CALLS)]
    await desk.collect(calls[0])
    seals: list[messages.SealPeriodResponse] = []

    async def seal() -> None:
        seals.append(await desk.seal())

    before = (desk.collect(call) for call in calls[1 : CALLS // 2])
    after = (desk.collect(call) for call in calls[CALLS // 2 :])
    await asyncio.gather(*before, seal(), *after)
    [march] = seals
    corrections = sum(charge.correction for charge in await desk.charges())
    assert march.charge_count == CALLS - corrections
    assert money_from_proto(march.amount).micros == 60_000 * march.charge_count
    assert await desk.seal() == march
    april = await desk.seal(APRIL)
    assert april.charge_count == corrections
    assert money_from_proto(april.amount).micros == 60_000 * corrections


async def test_a_fee_is_charged_once_for_a_subscription_and_period(desk: Desk) -> None:
    """9.95 a month; however often invoice asks."""
    await desk.publish_terms(at(2, 1), monthly_fee=desk.money(9_950_000))
    subscription_id = new_uuid()
    first = await charge_fee(desk, subscription_id=subscription_id)
    assert first.receipt.kind == ChargeKind.CHARGE_KIND_RECURRING_FEE
    assert euros([first]) == ["9.9500"]
    assert await charge_fee(desk, subscription_id=subscription_id) == first
    assert await desk.deltas() == [9_950_000]


async def test_a_subscription_that_covers_a_part_pays_a_part(desk: Desk) -> None:
    """From the 21st: 11 of 31 days of 9.95 are 3.5306 at the plan's four decimals."""
    await desk.publish_terms(at(2, 1), monthly_fee=desk.money(9_950_000))
    charge = await charge_fee(desk, covered=Period(at(3, 21), MARCH.end))
    assert euros([charge]) == ["3.5306"]


async def test_a_plan_without_a_fee_charges_nothing(desk: Desk) -> None:
    """And says so by a charge of zero, which the seal counts too."""
    charge = await charge_fee(desk)
    assert euros([charge]) == ["0.0000"]
    assert (await desk.seal()).charge_count == 1


async def test_a_fee_never_comes_after_the_seal(desk: Desk) -> None:
    """Invoice charges fees before it seals; a late one is refused, not slipped in."""
    charged = new_uuid()
    first = await charge_fee(desk, subscription_id=charged)
    await desk.seal()
    assert await charge_fee(desk, subscription_id=charged) == first
    with pytest.raises(DomainError) as refusal:
        await charge_fee(desk)
    assert refusal.value.reason == "PERIOD_SEALED"


async def test_a_fee_is_charged_once_however_many_ask_at_once(desk: Desk) -> None:
    """Under request ids of their own: all get the same charge."""
    await desk.publish_terms(at(2, 1), monthly_fee=desk.money(9_950_000))
    subscription_id = new_uuid()
    charges = await asyncio.gather(
        *(charge_fee(desk, subscription_id=subscription_id) for _ in range(6))
    )
    assert {charge.charge_id for charge in charges} == {charges[0].charge_id}
    assert await desk.deltas() == [9_950_000]


@pytest.mark.parametrize("year", [1, 1969, 9999])
async def test_a_fee_needs_a_period_that_calendars_have(desk: Desk, year: int) -> None:
    """At the ends of time a period cannot be computed in every zone."""
    period = Period(datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, tzinfo=UTC))
    with pytest.raises(DomainError) as refusal:
        await charge_fee(desk, period=period)
    assert refusal.value.reason == "INVALID_PERIOD"


async def test_a_fee_of_an_unknown_plan_is_refused(desk: Desk) -> None:
    """Nothing is charged."""
    with pytest.raises(DomainError) as refusal:
        await charge_fee(desk, plan_id=new_uuid())
    assert refusal.value.reason == "PLAN_NOT_FOUND"
    assert await desk.charges() == []

"""Bundles and volume tiers are used exactly once by each call, whatever comes again or late."""

import asyncio

import pytest
from google.type.decimal_pb2 import Decimal

from chassis.grpc.convert import range_to_proto, time_to_proto
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.period import Period
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import (
    APRIL,
    BEGINNING,
    MARCH,
    NETHERLANDS,
    NOON,
    euros,
    seconds_later,
)
from tollbook.rating.v1 import plan_pb2 as plan
from tollbook.rating.v1 import usage_service_pb2 as messages
from tollbook.rating.v1.rating_service_pb2 import QuoteCallRequest
from tollbook.rating.v1.service_pb2 import SERVICE_VOICE

CALLS = 20
VOICE = plan.Condition(service=SERVICE_VOICE)


def minutes(count: int, **changes: object) -> plan.BundleAllowance:
    """A bundle of minutes in each billing period."""
    fields = {
        "code": "minutes",
        "when": VOICE,
        "unit": plan.BUNDLE_UNIT_QUANTITY,
        "quantity": 60 * count,
    }
    return plan.BundleAllowance(**{**fields, **changes})  # type: ignore[arg-type]


def tiers(mode: plan.VolumeMode.ValueType) -> plan.VolumeTiers:
    """Half the price from two minutes on."""
    return plan.VolumeTiers(
        code="volume",
        when=VOICE,
        measure=plan.MEASURE_QUANTITY,
        mode=mode,
        tiers=[
            plan.VolumeTier(from_count=0, price=plan.TierPrice(factor=Decimal(value="1"))),
            plan.VolumeTier(from_count=120, price=plan.TierPrice(factor=Decimal(value="0.5"))),
        ],
    )


async def give(desk: Desk, **terms: object) -> None:
    """Give the plan terms from February on."""
    await desk.publish_terms(seconds_later(BEGINNING, 86_400), **terms)


async def test_a_bundle_pays_first_and_the_rest_is_charged(desk: Desk) -> None:
    """Two minutes included: a call of three minutes costs one."""
    await give(desk, bundles=[minutes(2)])
    await desk.collect(desk.call(seconds=180))
    assert euros(await desk.charges()) == ["0.0600"]
    assert await desk.standing() == {"minutes": (120, 120)}


async def test_a_budget_buys_what_the_bundle_has_left_and_what_the_money_pays_for(
    desk: Desk,
) -> None:
    """Two minutes included, one is used: 0.06 buys a minute beside the one that is left."""
    await give(desk, bundles=[minutes(2)])
    await desk.collect(desk.call(seconds=60))
    request = QuoteCallRequest(
        account_id=desk.account_id,
        callee=NETHERLANDS,
        start_time=time_to_proto(NOON),
        budget=desk.money(60_000),
    )
    answer = await desk.rating.QuoteCall(request, None)
    assert (answer.granted_duration.seconds, answer.amount.nanos) == (120, 60_000_000)
    assert await desk.standing() == {"minutes": (120, 60)}


async def test_a_call_that_comes_twice_uses_a_bundle_once(desk: Desk) -> None:
    """The same record in another event is the same call."""
    await give(desk, bundles=[minutes(10)])
    call = desk.call(seconds=180)
    envelope = await desk.hear_calls(call)
    await desk.deliver(envelope)
    await desk.collect(call)
    assert await desk.standing() == {"minutes": (600, 180)}


async def test_a_corrected_call_gives_back_what_its_first_record_took(desk: Desk) -> None:
    """Three minutes were one: two return to the bundle."""
    await give(desk, bundles=[minutes(10)])
    call = desk.call(seconds=180)
    await desk.collect(call)
    await desk.collect(call.corrected(seconds=60))
    assert await desk.standing() == {"minutes": (600, 60)}


async def test_a_call_that_moves_to_another_account_gives_its_bundle_back(desk: Desk) -> None:
    """It was the neighbour's call: the neighbour's bundle pays."""
    neighbour = new_uuid()
    await desk.know_account(neighbour)
    await desk.subscribe(neighbour)
    await give(desk, bundles=[minutes(10)])
    call = desk.call(seconds=180)
    await desk.collect(call)
    await desk.collect(call.corrected(account_id=neighbour, payer_id=neighbour))
    assert await desk.standing() == {"minutes": (600, 0)}
    assert await desk.standing(neighbour) == {"minutes": (600, 180)}


async def test_a_refund_gives_the_amount_and_the_bundle_back_once(desk: Desk) -> None:
    """A second refund changes nothing."""
    await give(desk, bundles=[minutes(2)])
    await desk.collect(desk.call(seconds=180))
    charge = await desk.charge()
    for _ in range(2):
        request = messages.RefundChargeRequest(charge_id=charge.charge_id, request_id=new_uuid())
        refunded = (await desk.usage.RefundCharge(request, None)).charge
        assert (refunded.revision, refunded.amount.nanos) == (2, 0)
    assert await desk.standing() == {"minutes": (120, 0)}
    assert await desk.deltas() == [60_000, -60_000]


async def test_the_accounts_of_a_payer_share_a_bundle(desk: Desk) -> None:
    """What one has used the other has not."""
    child = new_uuid()
    await desk.know_account(child, payer_account_id=desk.account_id)
    await desk.subscribe(child)
    await give(desk, bundles=[minutes(3, shared=True)])
    await desk.collect(desk.call(seconds=120))
    await desk.collect(desk.call(account_id=child, payer_id=desk.account_id, seconds=120))
    assert euros(await desk.charges()) == ["0.0000"]
    assert euros(await desk.charges(child)) == ["0.0600"]
    assert await desk.standing() == {"minutes": (180, 180)}


async def test_what_is_left_of_a_bundle_rolls_over(desk: Desk) -> None:
    """The oldest is used up first: one minute of March is left for April, February's is gone."""
    await give(desk, bundles=[minutes(3, rollover_periods=1)])
    await desk.collect(desk.call(seconds=180 + 120))
    await desk.collect(desk.call(seconds=270, start=APRIL.start))
    assert euros(await desk.charges()) == ["0.0300", "0.0000"]


async def test_a_late_call_uses_the_bundle_of_the_period_in_which_it_is_booked(desk: Desk) -> None:
    """March is sealed: its call comes in April and takes from April."""
    await give(desk, bundles=[minutes(3)])
    await desk.seal()
    await desk.collect(desk.call(seconds=120))
    await desk.collect(desk.call(seconds=120, start=APRIL.start))
    assert euros(await desk.charges()) == ["0.0600", "0.0000"]


async def test_a_granted_bundle_pays_within_its_validity(desk: Desk) -> None:
    """An hour as a gift, for March alone."""
    request = messages.GrantBundleRequest(
        grant=messages.BundleGrant(
            account_id=desk.account_id,
            allowance=minutes(60, code="gift"),
            validity=range_to_proto(MARCH),
        ),
        request_id=new_uuid(),
    )
    granted = (await desk.counters.GrantBundle(request, None)).grant
    await desk.collect(desk.call(seconds=180), desk.call(start=APRIL.start))
    assert euros(await desk.charges()) == ["0.0600", "0.0000"]
    assert await desk.standing() == {"gift": (3_600, 180)}
    listing = messages.ListBundleGrantsRequest(account_id=desk.account_id)
    assert list((await desk.counters.ListBundleGrants(listing, None)).grants) == [granted]


async def test_a_bundle_that_is_only_validated_pays_for_nothing(desk: Desk) -> None:
    """Everything is checked, nothing is kept."""
    grant = messages.BundleGrant(
        account_id=desk.account_id, allowance=minutes(60), validity=range_to_proto(MARCH)
    )
    request = messages.GrantBundleRequest(grant=grant, request_id=new_uuid(), validate_only=True)
    assert (await desk.counters.GrantBundle(request, None)).grant.grant_id
    listing = messages.ListBundleGrantsRequest(account_id=desk.account_id)
    assert not (await desk.counters.ListBundleGrants(listing, None)).grants
    await desk.collect(desk.call())
    assert euros(await desk.charges()) == ["0.0600"]


async def test_a_bundle_for_nobody_is_refused(desk: Desk) -> None:
    """The account must be known."""
    grant = messages.BundleGrant(
        account_id=new_uuid(), allowance=minutes(1), validity=range_to_proto(MARCH)
    )
    request = messages.GrantBundleRequest(grant=grant, request_id=new_uuid())
    with pytest.raises(DomainError, match="UNKNOWN_ACCOUNT"):
        await desk.counters.GrantBundle(request, None)


async def test_graduated_tiers_price_in_the_order_of_settlement(desk: Desk) -> None:
    """The second call begins at 90 s: its first half minute is dear, the rest cheap."""
    await give(desk, volume_tiers=[tiers(plan.VOLUME_MODE_GRADUATED)])
    await desk.collect(desk.call(seconds=90), desk.call(seconds=90, start=seconds_later(NOON, 1)))
    assert sorted(euros(await desk.charges())) == ["0.0600", "0.0900"]
    assert await desk.standing() == {"volume": (0, 180)}


async def test_a_whole_volume_tier_settles_as_one_adjustment_at_the_seal(desk: Desk) -> None:
    """Three minutes at half price: calls keep their charges, the seal holds the difference."""
    await give(desk, volume_tiers=[tiers(plan.VOLUME_MODE_WHOLE_VOLUME)])
    await desk.collect(desk.call(seconds=90), desk.call(seconds=90, start=seconds_later(NOON, 1)))
    assert euros(await desk.charges()) == ["0.0900", "0.0900"]
    seal = await desk.seal()
    assert (seal.charge_count, seal.amount.nanos) == (3, 90_000_000)
    assert await desk.seal() == seal
    assert sum(await desk.deltas()) == 90_000


async def test_calls_of_many_events_at_once_never_use_the_same_second_twice(desk: Desk) -> None:
    """Twenty calls of a minute at the same time, ten minutes included: ten are charged."""
    await give(desk, bundles=[minutes(10)])
    calls = [desk.call(start=seconds_later(NOON, number)) for number in range(CALLS)]
    await asyncio.gather(*(desk.collect(call) for call in calls))
    assert sorted(euros(await desk.charges())) == ["0.0000"] * 10 + ["0.0600"] * 10
    assert await desk.standing() == {"minutes": (600, 600)}


async def test_usage_of_a_week_counts_in_its_week(desk: Desk) -> None:
    """A bundle by the week is full again on Monday."""
    await give(desk, bundles=[minutes(1, period=plan.COUNTER_PERIOD_WEEK)])
    monday = Period(seconds_later(NOON, 2 * 86_400), MARCH.end).start
    await desk.collect(desk.call(), desk.call(start=monday))
    assert euros(await desk.charges()) == ["0.0000", "0.0000"]


async def test_counters_are_listed_a_page_at_a_time(desk: Desk) -> None:
    """The newest period first."""
    await give(desk, bundles=[minutes(10)])
    calls = [desk.call(start=start) for start in (NOON, seconds_later(APRIL.start, 60))]
    await desk.collect(*calls)
    request = messages.ListCountersRequest(account_id=desk.account_id, page_size=1)
    newest = await desk.counters.ListCounters(request, None)
    request.page_token = newest.next_page_token
    oldest = await desk.counters.ListCounters(request, None)
    periods = [each.period for each in (*newest.counters, *oldest.counters)]
    assert periods == [range_to_proto(APRIL), range_to_proto(MARCH)]
    assert not oldest.next_page_token

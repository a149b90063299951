"""Plans as their operators make them: every term kept, checked and picked up by pricing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money
from google.type.timeofday_pb2 import TimeOfDay

from chassis.grpc.convert import time_to_proto
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import NOON, euros
from tests.conformance.rating.tariff_desk import (
    BANDS,
    VOICE,
    TariffDesk,
    refusal,
    refusal_without_trace,
)
from tollbook.rating.v1 import plan_pb2
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.plan_pb2 import (
    BundleAllowance,
    Condition,
    DeckChoice,
    DurationTier,
    Fee,
    Plan,
    PlanRevision,
    PriceAdjustment,
    PriceCap,
    TierPrice,
    TimeBand,
    VolumeTier,
    VolumeTiers,
)
from tollbook.rating.v1.service_pb2 import Service

# 14 March 2026 is a Saturday; Amsterdam is an hour ahead of UTC.
FRIDAY_BEFORE_SEVEN = datetime(2026, 3, 13, 17, 59, 30, tzinfo=UTC)


@pytest.fixture
async def tariffs(desk: Desk) -> TariffDesk:
    """The desk's operator at the doors of tariffs."""
    return TariffDesk(desk)


def factor(text: str) -> TierPrice:
    """A tier's factor."""
    return TierPrice(factor=Decimal(value=text))


def half_price_off_peak() -> PriceAdjustment:
    """What is dialled in the evening and at the weekend costs half."""
    return PriceAdjustment(
        code="evening",
        when=Condition(time_bands=["off-peak"]),
        factor=Decimal(value="0.5"),
        surcharge=Decimal(value="0"),
    )


CALENDAR_ID = "0193d0a0-0000-7000-8000-000000000001"
# Terms of every kind but deck choices, nothing left to defaults.
EVERY_TERM: dict[str, Any] = {
    "time_zone": "Europe/Amsterdam",
    "time_bands": [
        TimeBand(
            code="holiday",
            from_time=TimeOfDay(hours=22, minutes=30),
            to_time=TimeOfDay(hours=6),
            calendar_id=CALENDAR_ID,
            first_date=Date(year=2026, month=1, day=1),
            last_date=Date(year=2026, month=12, day=31),
        ),
        TimeBand(
            code="no-holiday",
            from_time=TimeOfDay(),
            to_time=TimeOfDay(hours=1),
            not_on_holidays_of=CALENDAR_ID,
        ),
        *BANDS,
    ],
    "crossing": plan_pb2.CROSSING_AT_START,
    "adjustments": [
        half_price_off_peak(),
        PriceAdjustment(
            code="mobile",
            when=Condition(destination_prefixes=["316"]),
            factor=Decimal(value="1"),
            surcharge=Decimal(value="-0.000000001"),
            includes_connect_fee=True,
        ),
    ],
    "duration_tiers": [
        DurationTier(from_seconds=60, price=factor("0.999999")),
        DurationTier(from_seconds=600, price=TierPrice(price=Decimal(value="0.01"))),
    ],
    "volume_tiers": [
        VolumeTiers(
            code="minutes",
            when=VOICE,
            measure=plan_pb2.MEASURE_QUANTITY,
            mode=plan_pb2.VOLUME_MODE_GRADUATED,
            tiers=[
                VolumeTier(price=factor("1")),
                VolumeTier(from_count=60_000, price=factor("0.8")),
            ],
            period=plan_pb2.COUNTER_PERIOD_MONTH,
            shared=True,
        )
    ],
    "bundles": [
        BundleAllowance(
            code="eu-data",
            when=Condition(service=Service.SERVICE_DATA),
            unit=plan_pb2.BUNDLE_UNIT_QUANTITY,
            quantity=10**10,
            priority=-2,
            period=plan_pb2.COUNTER_PERIOD_WEEK,
            rollover_periods=1,
            shared=True,
            covers_connect_fee=True,
        )
    ],
    "price_caps": [
        PriceCap(
            when=VOICE,
            amount=Money(currency_code="EUR", units=2, nanos=500_000_000),
            includes_connect_fee=True,
        )
    ],
    "minimum_charge": Money(currency_code="EUR", nanos=10_000_000),
    "fees": [Fee(code="setup", display_name="Set-up", amount=Money(currency_code="EUR"))],
    "margin_floor": Decimal(value="0.05"),
}


async def test_every_term_of_a_plan_is_kept_and_shown(tariffs: TariffDesk) -> None:
    """As it was given, by the plan, by the revision's id and in the list."""
    desk = tariffs.desk
    await tariffs.create_calendar(calendar_id=CALENDAR_ID)
    when = Condition(
        destination_prefixes=["31"],
        origin_prefixes=["316"],
        relations=[plan_pb2.RELATION_ON_NET],
        jurisdictions=[plan_pb2.JURISDICTION_INTRASTATE],
    )
    choice = DeckChoice(when=when, rate_deck_ids=[desk.deck_id])
    given = {**EVERY_TERM, "deck_choices": [choice]}
    published = (await desk.publish_terms(NOON, **given)).latest_revision

    expected = PlanRevision(**given)
    for name in given:
        assert getattr(published, name) == getattr(expected, name), name
    request = messages.GetPlanRevisionRequest(plan_revision_id=published.plan_revision_id)
    found = await desk.plans.GetPlanRevision(request, None)
    assert (found.plan_id, found.revision) == (desk.plan_id, published)
    assert (await tariffs.revisions())[0] == published


async def test_a_peak_plan_with_a_bundle_and_a_volume_tier_prices_calls(
    tariffs: TariffDesk,
) -> None:
    """A minute in the peak, one across its end, then the bundle is empty and the tier reached."""
    desk = tariffs.desk
    await desk.publish_terms(
        NOON - timedelta(days=10),
        time_zone="Europe/Amsterdam",
        time_bands=BANDS,
        adjustments=[half_price_off_peak()],
        bundles=[
            BundleAllowance(
                code="ten-seconds", when=VOICE, unit=plan_pb2.BUNDLE_UNIT_QUANTITY, quantity=10
            )
        ],
        volume_tiers=[
            VolumeTiers(
                code="volume",
                when=VOICE,
                measure=plan_pb2.MEASURE_QUANTITY,
                mode=plan_pb2.VOLUME_MODE_GRADUATED,
                tiers=[VolumeTier(price=factor("1")), VolumeTier(from_count=80, price=factor("0"))],
            )
        ],
    )
    start = FRIDAY_BEFORE_SEVEN
    calls = [desk.call(start=start), desk.call(start=start + timedelta(seconds=1))]
    for call in calls:
        await desk.collect(call)
    # First: 10 s free, 20 s at 0.06, 30 s at 0.03. Second: 29 s at 0.06, 1 s at 0.03, 30 s free.
    by_key = {each.call_key.value: each for each in await desk.charges()}
    assert euros(by_key[call.call_key] for call in calls) == ["0.0350", "0.0295"]


async def test_revisions_are_listed_the_newest_first(tariffs: TariffDesk) -> None:
    """A page at a time; an unknown plan has none, and says so."""
    desk = tariffs.desk
    for days in (1, 2, 3):
        await desk.publish_terms(NOON + timedelta(days=days), price_decimals=days)
    request = messages.ListPlanRevisionsRequest(plan_id=desk.plan_id, page_size=3)
    first = await desk.plans.ListPlanRevisions(request, None)
    request.page_token = first.next_page_token
    second = await desk.plans.ListPlanRevisions(request, None)
    numbers = [each.revision for each in (*first.revisions, *second.revisions)]
    assert (numbers, second.next_page_token) == ([4, 3, 2, 1], "")
    unknown = messages.ListPlanRevisionsRequest(plan_id=new_uuid())
    assert (await refusal(desk.plans.ListPlanRevisions(unknown, None))).reason == "PLAN_NOT_FOUND"
    nothing = messages.GetPlanRevisionRequest(plan_revision_id=new_uuid())
    error = await refusal(desk.plans.GetPlanRevision(nothing, None))
    assert error.reason == "PLAN_REVISION_NOT_FOUND"


async def test_a_check_answers_as_the_publication_would_and_keeps_nothing(
    tariffs: TariffDesk,
) -> None:
    """The same request is then published in earnest, under the same id."""
    desk = tariffs.desk
    before = await tariffs.traces()
    request = messages.PublishPlanRevisionRequest(
        plan_id=desk.plan_id,
        revision=PlanRevision(effective_time=time_to_proto(NOON), rate_deck_ids=[desk.deck_id]),
        request_id=new_uuid(),
        validate_only=True,
    )
    checked = (await desk.plans.PublishPlanRevision(request, None)).plan.latest_revision
    assert await tariffs.traces() == before
    assert checked.revision == 2
    assert [each.revision for each in await tariffs.revisions()] == [1]
    request.validate_only = False
    published = (await desk.plans.PublishPlanRevision(request, None)).plan.latest_revision
    assert [each.revision for each in await tariffs.revisions()] == [2, 1]
    published.plan_revision_id = checked.plan_revision_id
    assert published == checked


async def test_a_plan_that_is_only_checked_is_not_created(tariffs: TariffDesk) -> None:
    """Its code stays free."""
    plan = Plan(code="later", display_name="Later", currency_code="EUR")
    request = messages.CreatePlanRequest(plan=plan, request_id=new_uuid(), validate_only=True)
    before = await tariffs.traces()
    assert (await tariffs.desk.plans.CreatePlan(request, None)).plan.code == "later"
    assert await tariffs.traces() == before


async def test_a_plan_is_created_with_its_first_terms_or_not_at_all(tariffs: TariffDesk) -> None:
    """Terms that are refused leave no plan behind; corrected ones are in force with it."""
    desk = tariffs.desk
    terms = PlanRevision(effective_time=time_to_proto(NOON), rate_deck_ids=[new_uuid()])
    plan = Plan(code="ready", display_name="Ready", currency_code="EUR", latest_revision=terms)

    async def create() -> Plan:
        request = messages.CreatePlanRequest(plan=plan, request_id=new_uuid())
        return (await desk.plans.CreatePlan(request, None)).plan

    refused = await refusal_without_trace(tariffs, create)
    assert refused.reason == "RATE_DECK_NOT_FOUND"
    plan.latest_revision.rate_deck_ids[:] = [desk.deck_id]
    created = await create()
    found = await desk.plans.GetPlan(messages.GetPlanRequest(plan_id=created.plan_id), None)
    assert found.plan == created
    assert created.latest_revision.revision == 1
    assert list(created.latest_revision.rate_deck_ids) == [desk.deck_id]


async def test_a_plan_is_renamed_and_keeps_its_terms(tariffs: TariffDesk) -> None:
    """Only its display name changes; everything else is refused by the mask."""
    desk = tariffs.desk
    request = messages.UpdatePlanRequest(
        plan=Plan(plan_id=desk.plan_id, display_name="Basis", currency_code="USD"),
        update_mask=FieldMask(paths=["display_name"]),
        request_id=new_uuid(),
    )
    renamed = (await desk.plans.UpdatePlan(request, None)).plan
    assert (renamed.display_name, renamed.currency_code) == ("Basis", "EUR")
    found = await desk.plans.GetPlan(messages.GetPlanRequest(plan_id=desk.plan_id), None)
    assert found.plan == renamed
    assert found.plan.latest_revision.revision == 1

"""Terms of plans that cannot be meant: each has its reason, and changes nothing."""

from collections.abc import Mapping
from datetime import timedelta
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
from tests.conformance.rating.records import BEGINNING, NOON
from tests.conformance.rating.sheets import DECK
from tests.conformance.rating.tariff_desk import (
    BANDS,
    VOICE,
    TariffDesk,
    exchange_rate,
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
    TimeBand,
)

# Of a newer release.
UNKNOWN_RELATION: Any = 7


@pytest.fixture
async def tariffs(desk: Desk) -> TariffDesk:
    """The desk's operator at the doors of tariffs."""
    return TariffDesk(desk)


async def dollar_deck(desk: Desk) -> str:
    """A deck in dollars, in force from the beginning."""
    desk.currency = "USD"
    imported = await desk.publish_deck(DECK, "dollars")
    desk.currency = "EUR"
    return imported.version.rate_deck_id


async def test_a_deck_in_other_money_needs_an_exchange_rate(tariffs: TariffDesk) -> None:
    """Refused with both currencies named; taken, and exchanged exactly, once there is a rate."""
    desk = tariffs.desk
    deck_id = await dollar_deck(desk)
    before_noon = NOON - timedelta(hours=1)

    async def publish() -> Plan:
        return await desk.publish_terms(before_noon, rate_deck_ids=[deck_id], price_decimals=6)

    error = await refusal_without_trace(tariffs, publish)
    assert error.reason == "NO_EXCHANGE_RATE"
    assert (error.metadata["from_currency"], error.metadata["to_currency"]) == ("USD", "EUR")
    await tariffs.add_rates(exchange_rate("0.9", NOON))
    refused = await refusal_without_trace(tariffs, publish)
    assert refused.reason == "NO_EXCHANGE_RATE"
    await tariffs.add_rates(exchange_rate("1.25", BEGINNING, "EUR/USD"))
    await publish()
    early, late = desk.call(start=before_noon), desk.call(start=NOON)
    await desk.collect(early, late)
    nanos = {each.call_key.value: each.amount.nanos for each in await desk.charges()}
    # 0.06 dollars: by the inverse of 1.25, then by the pair's own rate.
    assert [nanos[early.call_key], nanos[late.call_key]] == [48_000_000, 54_000_000]


async def test_a_deck_that_is_only_chosen_sometimes_needs_one_too(tariffs: TariffDesk) -> None:
    """The call for which it is chosen could not be priced."""
    desk = tariffs.desk
    choice = DeckChoice(
        when=Condition(destination_prefixes=["1"]), rate_deck_ids=[await dollar_deck(desk)]
    )
    error = await refusal(desk.publish_terms(NOON, deck_choices=[choice]))
    assert error.reason == "NO_EXCHANGE_RATE"


BAD_TERMS: Mapping[str, tuple[dict[str, Any], str]] = {
    "overlap": ({"effective_time": time_to_proto(BEGINNING)}, "EFFECTIVE_TIME_NOT_AFTER_PREVIOUS"),
    "gap": ({"time_bands": BANDS[:1]}, "TIME_BAND_GAP"),
    "no such time": (
        {"time_bands": [TimeBand(code="x", from_time=TimeOfDay(minutes=60))]},
        "INVALID_TIME_BAND",
    ),
    "seconds": (
        {"time_bands": [TimeBand(code="x", to_time=TimeOfDay(hours=1, seconds=1))]},
        "INVALID_TIME_BAND",
    ),
    "after midnight": (
        {"time_bands": [TimeBand(code="x", to_time=TimeOfDay(hours=24, minutes=1))]},
        "INVALID_TIME_BAND",
    ),
    "no weekday": ({"time_bands": [TimeBand(code="x", weekdays=[9])]}, "INVALID_TIME_BAND"),
    "no date": (
        {"time_bands": [TimeBand(code="x", first_date=Date(year=2026, month=2, day=30))]},
        "INVALID_DATE",
    ),
    "unknown zone": ({"time_zone": "Mars/Olympus"}, "INVALID_TIME_ZONE"),
    "unknown calendar": (
        {"time_bands": [TimeBand(code="x", not_on_holidays_of="n\0l"), TimeBand(code="y")]},
        "CALENDAR_NOT_FOUND",
    ),
    "unknown deck": ({"rate_deck_ids": [new_uuid()]}, "RATE_DECK_NOT_FOUND"),
    "unknown deck in a choice": (
        {"deck_choices": [DeckChoice(when=VOICE, rate_deck_ids=["no\0ne"])]},
        "RATE_DECK_NOT_FOUND",
    ),
    "unknown band": (
        {"adjustments": [PriceAdjustment(code="x", when=Condition(time_bands=["peak"]))]},
        "INVALID_TERMS",
    ),
    "unknown service": (
        {"bundles": [BundleAllowance(code="x", unit=plan_pb2.BUNDLE_UNIT_QUANTITY)]},
        "INVALID_TERMS",
    ),
    "unknown number of an enumeration": (
        {"adjustments": [PriceAdjustment(code="x", when=Condition(relations=[UNKNOWN_RELATION]))]},
        "INVALID_TERMS",
    ),
    "no unit": ({"bundles": [BundleAllowance(code="x", when=VOICE)]}, "INVALID_TERMS"),
    "tier without price": ({"duration_tiers": [DurationTier(from_seconds=1)]}, "INVALID_TERMS"),
    "factor too fine": (
        {"adjustments": [PriceAdjustment(code="x", factor=Decimal(value="0.0000001"))]},
        "INVALID_DECIMAL",
    ),
    "factor of letters": (
        {"adjustments": [PriceAdjustment(code="x", factor=Decimal(value="half"))]},
        "INVALID_DECIMAL",
    ),
    "surcharge too fine": (
        {"adjustments": [PriceAdjustment(code="x", surcharge=Decimal(value="1e-10"))]},
        "INVALID_DECIMAL",
    ),
    "cap without amount": ({"price_caps": [PriceCap(when=VOICE)]}, "UNKNOWN_CURRENCY"),
    "cap too fine": (
        {"price_caps": [PriceCap(amount=Money(currency_code="EUR", nanos=1))]},
        "INVALID_AMOUNT",
    ),
    "cap in other money": (
        {"price_caps": [PriceCap(amount=Money(currency_code="USD", units=1))]},
        "CURRENCY_MISMATCH",
    ),
    "fee in other money": (
        {"fees": [Fee(code="x", display_name="X", amount=Money(currency_code="USD"))]},
        "CURRENCY_MISMATCH",
    ),
    "minimum in other money": (
        {"minimum_charge": Money(currency_code="USD", units=1)},
        "CURRENCY_MISMATCH",
    ),
    "negative minimum": ({"minimum_charge": Money(currency_code="EUR", units=-1)}, "INVALID_TERMS"),
    "more than can be kept": (
        {
            "adjustments": [
                PriceAdjustment(
                    code=str(each),
                    when=Condition(destination_prefixes=[f"31{n:06d}" for n in range(999)]),
                )
                for each in range(4)
            ]
        },
        "INVALID_TERMS",
    ),
}


@pytest.mark.parametrize(("changes", "reason"), BAD_TERMS.values(), ids=BAD_TERMS.keys())
async def test_bad_terms_have_their_reason_and_change_nothing(
    tariffs: TariffDesk, changes: dict[str, Any], reason: str
) -> None:
    """No revision, no event, no tariff to read again."""
    desk = tariffs.desk
    terms = {
        "effective_time": time_to_proto(NOON),
        "rate_deck_ids": [desk.deck_id],
        **changes,
    }
    request = messages.PublishPlanRevisionRequest(
        plan_id=desk.plan_id, revision=PlanRevision(**terms), request_id=new_uuid()
    )
    refused = await refusal_without_trace(
        tariffs, lambda: desk.plans.PublishPlanRevision(request, None)
    )
    assert refused.reason == reason
    assert [each.revision for each in await tariffs.revisions()] == [1]


@pytest.mark.parametrize(
    ("changes", "paths", "reason"),
    [
        ({}, ["currency_code"], "INVALID_FIELD_MASK"),
        ({}, ["display_name", "latest_revision"], "INVALID_FIELD_MASK"),
        ({"display_name": ""}, [], "INVALID_NAME"),
        ({"display_name": "a\nb"}, [], "INVALID_NAME"),
        ({"plan_id": "00000000-0000-4000-8000-000000000000"}, [], "PLAN_NOT_FOUND"),
    ],
)
async def test_a_plan_is_not_renamed_wrongly(
    tariffs: TariffDesk, changes: dict[str, Any], paths: list[str], reason: str
) -> None:
    """It stays as it was."""
    plan = {"plan_id": tariffs.desk.plan_id, "display_name": "Other", **changes}
    request = messages.UpdatePlanRequest(
        plan=Plan(**plan), update_mask=FieldMask(paths=paths), request_id=new_uuid()
    )
    refused = await refusal_without_trace(
        tariffs, lambda: tariffs.desk.plans.UpdatePlan(request, None)
    )
    assert refused.reason == reason

"""Terms that contradict themselves are refused, with the field and the value."""

from datetime import date
from typing import Any

import pytest

from kernel.errors import DomainError
from kernel.rounding import RoundingMode
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import (
    AMOUNT_MICROS_MAX,
    COUNT_MAX,
    FACTOR_MILLIONTHS_MAX,
    BundleAllowance,
    BundleUnit,
    CounterPeriod,
    DeckChoice,
    DurationTier,
    Fee,
    Measure,
    PriceAdjustment,
    PriceCap,
    ResoldPlan,
    TierPrice,
    VolumeMode,
    VolumeTier,
    VolumeTiers,
)
from services.rating.domain.plans.plan_check import check_terms
from services.rating.domain.plans.rounding_rules import PriceRule
from services.rating.domain.plans.time_bands import TimeBand
from services.rating.domain.usage import Service
from tests.support.refusals import refusal_reason
from tests.unit.rating.terms import revision

ALWAYS = Condition()
VOICE = Condition(service=Service.VOICE)
HALF = TierPrice(500_000)
CENT = TierPrice(price_nanos=10_000_000)


def tiers(*steps: tuple[int, TierPrice], **changes: Any) -> VolumeTiers:
    """Volume tiers of voice minutes, from 0 at the usual price unless said otherwise."""
    fields: dict[str, Any] = {
        "code": "volume",
        "when": VOICE,
        "measure": Measure.QUANTITY,
        "mode": VolumeMode.GRADUATED,
        "tiers": tuple(VolumeTier(*step) for step in steps or ((0, TierPrice()), (60, HALF))),
    }
    return VolumeTiers(**{**fields, **changes})


def bundle(**changes: Any) -> BundleAllowance:
    """A hundred minutes."""
    fields: dict[str, Any] = {
        "code": "minutes",
        "when": VOICE,
        "unit": BundleUnit.QUANTITY,
        "quantity": 6_000,
    }
    return BundleAllowance(**{**fields, **changes})


def adjustment(**changes: Any) -> PriceAdjustment:
    """A discount everywhere."""
    return PriceAdjustment(**{"code": "discount", "when": ALWAYS, **changes})


WRONG = {
    "no deck": ({"rate_deck_ids": ()}, "revision.rate_deck_ids"),
    "a deck twice": ({"rate_deck_ids": ("a", "b", "a")}, "revision.rate_deck_ids"),
    "17 decks": ({"rate_deck_ids": tuple("abcdefghijklmnopq")}, "revision.rate_deck_ids"),
    "decimals": ({"price_rule": PriceRule(RoundingMode.UP, 7)}, "revision.price_decimals"),
    "fee below 0": ({"monthly_fee_micros": -1}, "revision.monthly_fee"),
    "fee too high": ({"monthly_fee_micros": AMOUNT_MICROS_MAX + 1}, "revision.monthly_fee"),
    "minimum below 0": ({"minimum_charge_micros": -1}, "revision.minimum_charge"),
    "floor of 100 %": ({"margin_floor_millionths": 10**6}, "revision.margin_floor"),
    "floor below -100 %": ({"margin_floor_millionths": -(10**6) - 1}, "revision.margin_floor"),
    "choice without condition": (
        {"deck_choices": (DeckChoice(ALWAYS, ("a",)),)},
        "revision.deck_choices[0].when",
    ),
    "choice without decks": (
        {"deck_choices": (DeckChoice(VOICE, ()),)},
        "revision.deck_choices[0].rate_deck_ids",
    ),
    "a band that is none": (
        {"adjustments": (adjustment(when=Condition(time_bands=("night",))),)},
        "revision.adjustments[0].when.time_bands",
    ),
    "prefix with letters": (
        {"adjustments": (adjustment(when=Condition(destination_prefixes=("31", "+31"))),)},
        "revision.adjustments[0].when.destination_prefixes",
    ),
    "empty prefix": (
        {"adjustments": (adjustment(when=Condition(origin_prefixes=("",))),)},
        "revision.adjustments[0].when.origin_prefixes",
    ),
    "digits of another script": (
        {"bundles": (bundle(when=Condition(Service.SMS, destination_prefixes=("٣١",))),)},
        "revision.bundles[0].when.destination_prefixes",
    ),
    "1,001 prefixes": (
        {"bundles": (bundle(when=Condition(Service.SMS, origin_prefixes=("1",) * 1_001)),)},
        "revision.bundles[0].when.origin_prefixes",
    ),
    "factor below 0": (
        {"adjustments": (adjustment(factor_millionths=-1),)},
        "revision.adjustments[0].factor",
    ),
    "factor too high": (
        {"adjustments": (adjustment(factor_millionths=FACTOR_MILLIONTHS_MAX + 1),)},
        "revision.adjustments[0].factor",
    ),
    "surcharge too high": (
        {"adjustments": (adjustment(surcharge_nanos=-(10**18) - 1),)},
        "revision.adjustments[0].surcharge",
    ),
    "two of a code": ({"adjustments": (adjustment(), adjustment())}, "revision.adjustments"),
    "65 of a kind": (
        {"adjustments": tuple(adjustment(code=str(number)) for number in range(65))},
        "revision.adjustments",
    ),
    "duration tiers out of order": (
        {"duration_tiers": (DurationTier(60, HALF), DurationTier(60, CENT))},
        "revision.duration_tiers",
    ),
    "duration tier after a day": (
        {"duration_tiers": (DurationTier(86_401, HALF),)},
        "revision.duration_tiers[0].from_seconds",
    ),
    "price below 0": (
        {"duration_tiers": (DurationTier(60, TierPrice(price_nanos=-1)),)},
        "revision.duration_tiers[0].price.price",
    ),
    "no volume tier": ({"volume_tiers": (tiers(tiers=()),)}, "revision.volume_tiers[0].tiers"),
    "volume tiers not from 0": (
        {"volume_tiers": (tiers((1, HALF)),)},
        "revision.volume_tiers[0].tiers",
    ),
    "volume tiers out of order": (
        {"volume_tiers": (tiers((0, HALF), (5, HALF), (4, HALF)),)},
        "revision.volume_tiers[0].tiers",
    ),
    "17 volume tiers": (
        {"volume_tiers": (tiers(*((start, HALF) for start in range(17))),)},
        "revision.volume_tiers[0].tiers",
    ),
    "a tier beyond every count": (
        {"volume_tiers": (tiers((0, HALF), (COUNT_MAX + 1, HALF)),)},
        "revision.volume_tiers[0].tiers",
    ),
    "prices of spend": (
        {"volume_tiers": (tiers((0, TierPrice()), (9, CENT), measure=Measure.SPEND),)},
        "revision.volume_tiers[0].tiers",
    ),
    "units of no service": (
        {"volume_tiers": (tiers(when=ALWAYS),)},
        "revision.volume_tiers[0].when.service",
    ),
    "units of numbers": (
        {"volume_tiers": (tiers(when=Condition(Service.DID_RENTAL)),)},
        "revision.volume_tiers[0].when.service",
    ),
    "price of no service": (
        {"volume_tiers": (tiers((0, CENT), measure=Measure.CALLS, when=ALWAYS),)},
        "revision.volume_tiers[0].when.service",
    ),
    "whole volume by day": (
        {"volume_tiers": (tiers(mode=VolumeMode.WHOLE_VOLUME, period=CounterPeriod.DAY),)},
        "revision.volume_tiers[0].period",
    ),
    "whole volume from a discount on": (
        {"volume_tiers": (tiers((0, HALF), mode=VolumeMode.WHOLE_VOLUME),)},
        "revision.volume_tiers[0].tiers[0]",
    ),
    "whole volume of calls at a price": (
        {
            "volume_tiers": (
                tiers(
                    (0, TierPrice()),
                    (9, CENT),
                    mode=VolumeMode.WHOLE_VOLUME,
                    measure=Measure.CALLS,
                ),
            )
        },
        "revision.volume_tiers[0].tiers",
    ),
    "empty bundle": ({"bundles": (bundle(quantity=0),)}, "revision.bundles[0].quantity"),
    "endless bundle": (
        {"bundles": (bundle(quantity=COUNT_MAX + 1),)},
        "revision.bundles[0].quantity",
    ),
    "rollover too long": (
        {"bundles": (bundle(rollover_periods=32),)},
        "revision.bundles[0].rollover_periods",
    ),
    "bundle of no service": (
        {"bundles": (bundle(when=ALWAYS),)},
        "revision.bundles[0].when.service",
    ),
    "two bundles of a code": ({"bundles": (bundle(), bundle())}, "revision.bundles"),
    "cap below 0": (
        {"price_caps": (PriceCap(ALWAYS, -1, True),)},
        "revision.price_caps[0].amount",
    ),
    "resold plan below 0": (
        {"resold_plans": (ResoldPlan("basic", -1),)},
        "revision.resold_plans[0].monthly_fee",
    ),
    "plan resold at two prices": (
        {"resold_plans": (ResoldPlan("basic", 1), ResoldPlan("basic", 2))},
        "revision.resold_plans",
    ),
    "one-off fee below 0": (
        {"fees": (Fee("setup", "Set-up", -1),)},
        "revision.fees[0].amount",
    ),
}


@pytest.mark.parametrize(("changes", "field"), WRONG.values(), ids=WRONG.keys())
def test_terms_that_nobody_can_mean_are_refused(changes: dict[str, Any], field: str) -> None:
    """INVALID_TERMS, naming the field."""
    with pytest.raises(DomainError) as refusal:
        check_terms(revision(**changes))
    assert (refusal.value.reason, refusal.value.metadata["field"]) == ("INVALID_TERMS", field)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"time_zone": "Europe/Atlantis"}, "INVALID_TIME_ZONE"),
        ({"time_bands": (TimeBand("day", weekdays=(8,)),)}, "INVALID_TIME_BAND"),
        ({"time_bands": (TimeBand("day"), TimeBand("day"))}, "INVALID_TIME_BAND"),
        ({"time_bands": (TimeBand("day", from_minute=420, to_minute=1_140),)}, "TIME_BAND_GAP"),
        ({"time_bands": (TimeBand("x", first_date=date(2026, 1, 1)),)}, "TIME_BAND_GAP"),
        ({"adjustments": (adjustment(code=""),)}, "INVALID_CODE"),
        ({"bundles": (bundle(code="a\nb"),)}, "INVALID_CODE"),
        ({"fees": (Fee("setup", "", 1),)}, "INVALID_NAME"),
        ({"fees": (Fee("setup", "a\0b", 1),)}, "INVALID_NAME"),
    ],
)
def test_what_has_a_reason_of_its_own_is_refused_by_it(
    changes: dict[str, Any], reason: str
) -> None:
    """Zones, bands, codes and names."""
    with pytest.raises(DomainError) as refusal:
        check_terms(revision(**changes))
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"bundles": (bundle(when=ALWAYS, unit=BundleUnit.MONEY),)},
        {"volume_tiers": (tiers(measure=Measure.SPEND, when=ALWAYS),)},
        {"volume_tiers": (tiers(mode=VolumeMode.WHOLE_VOLUME),)},
        {"volume_tiers": (tiers((0, TierPrice()), (9, CENT), mode=VolumeMode.WHOLE_VOLUME),)},
        {"adjustments": (adjustment(factor_millionths=0, surcharge_nanos=-5),)},
        {"margin_floor_millionths": -(10**6)},
        {"duration_tiers": (DurationTier(0, HALF), DurationTier(86_400, CENT))},
        {"time_bands": (TimeBand("day", to_minute=720), TimeBand("night"))},
    ],
)
def test_terms_at_their_limits_are_taken(changes: dict[str, Any]) -> None:
    """What the contract allows is not refused."""
    assert refusal_reason(lambda: check_terms(revision(**changes))) == ""


def test_a_refusal_names_the_value_and_the_way_out() -> None:
    """A reader knows what to change without looking anything up."""
    with pytest.raises(DomainError) as refusal:
        check_terms(revision(adjustments=(adjustment(when=Condition(time_bands=("nacht",))),)))
    assert "nacht" in refusal.value.message
    assert "there are none" in refusal.value.message

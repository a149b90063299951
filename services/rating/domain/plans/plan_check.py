"""What the terms of a plan must satisfy by themselves, before anything is looked up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from services.rating.domain.decks.rate_deck import PRICE_NANOS_MAX
from services.rating.domain.naming import check_code, check_display_name
from services.rating.domain.plans.condition_check import check_condition, invalid_terms
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import (
    AMOUNT_MICROS_MAX,
    COUNT_MAX,
    DURATION_TIER_SECONDS_MAX,
    FACTOR_MILLIONTHS_MAX,
    FACTOR_ONE,
    RATE_DECKS_MAX,
    ROLLOVER_PERIODS_MAX,
    TERMS_OF_A_KIND_MAX,
    TIERS_MAX,
    BundleAllowance,
    BundleUnit,
    CounterPeriod,
    DeckChoice,
    Fee,
    Measure,
    PlanRevision,
    PriceAdjustment,
    ResoldPlan,
    TierPrice,
    VolumeMode,
    VolumeTiers,
)
from services.rating.domain.plans.rounding_rules import PRICE_DECIMALS_MAX
from services.rating.domain.plans.time_bands import check_bands, check_time_zone
from services.rating.domain.usage import Service

COUNTED_SERVICES = (Service.VOICE, Service.SMS, Service.DATA)


def check_terms(terms: PlanRevision) -> None:
    """Refuse terms that contradict themselves or break a limit.

    Raises:
        DomainError: INVALID_TERMS, INVALID_CODE, INVALID_NAME, INVALID_TIME_ZONE,
            INVALID_TIME_BAND, TIME_BAND_GAP.
    """
    _check_numbers(terms)
    check_time_zone("revision.time_zone", terms.time_zone)
    check_bands(terms.time_bands)
    bands = frozenset(band.code for band in terms.time_bands)
    _check_choices(terms, bands)
    _check_adjustments(terms.adjustments, bands)
    _check_duration_tiers(terms)
    _check_volume_tiers(terms.volume_tiers, bands)
    _check_bundles(terms.bundles, bands)
    _check_caps(terms, bands)
    _check_fees(terms.fees)
    _check_resold(terms.resold_plans)


def check_allowance(field: str, allowance: BundleAllowance) -> None:
    """Refuse a bundle that nobody can mean; its condition aside: INVALID_TERMS, INVALID_CODE."""
    check_code(f"{field}.code", allowance.code)
    if not 1 <= allowance.quantity <= COUNT_MAX:
        raise invalid_terms(f"{field}.quantity", allowance.quantity, f"give 1 to {COUNT_MAX}")
    if not 0 <= allowance.rollover_periods <= ROLLOVER_PERIODS_MAX:
        advice = f"give 0 to {ROLLOVER_PERIODS_MAX}"
        raise invalid_terms(f"{field}.rollover_periods", allowance.rollover_periods, advice)
    if allowance.unit is BundleUnit.QUANTITY:
        _check_counted(field, allowance.when)


def _check_numbers(terms: PlanRevision) -> None:
    _check_decks("revision.rate_deck_ids", terms.rate_deck_ids)
    decimals = terms.price_rule.decimals
    if not 0 <= decimals <= PRICE_DECIMALS_MAX:
        advice = f"a price keeps 0 to {PRICE_DECIMALS_MAX} decimals"
        raise invalid_terms("revision.price_decimals", decimals, advice)
    _check_amount("revision.monthly_fee", terms.monthly_fee_micros)
    _check_amount("revision.minimum_charge", terms.minimum_charge_micros)
    floor = terms.margin_floor_millionths
    if floor is not None and not -FACTOR_ONE <= floor < FACTOR_ONE:
        raise invalid_terms(
            "revision.margin_floor", f"{floor} millionths", "give at least -1, below 1"
        )


def _check_choices(terms: PlanRevision, bands: frozenset[str]) -> None:
    _check_count("revision.deck_choices", terms.deck_choices)
    for place, choice in enumerate(terms.deck_choices):
        _check_choice(f"revision.deck_choices[{place}]", choice, bands)


def _check_choice(field: str, choice: DeckChoice, bands: frozenset[str]) -> None:
    if choice.when == Condition():
        advice = "it always holds; name these decks in rate_deck_ids"
        raise invalid_terms(f"{field}.when", "empty", advice)
    check_condition(f"{field}.when", choice.when, bands)
    _check_decks(f"{field}.rate_deck_ids", choice.rate_deck_ids)


def _check_adjustments(adjustments: Sequence[PriceAdjustment], bands: frozenset[str]) -> None:
    _check_count("revision.adjustments", adjustments)
    _check_codes("revision.adjustments", [each.code for each in adjustments])
    for place, adjustment in enumerate(adjustments):
        field = f"revision.adjustments[{place}]"
        check_condition(f"{field}.when", adjustment.when, bands)
        _check_factor(f"{field}.factor", adjustment.factor_millionths)
        if abs(adjustment.surcharge_nanos) > PRICE_NANOS_MAX:
            advice = f"give at most {PRICE_NANOS_MAX} nanos"
            raise invalid_terms(f"{field}.surcharge", adjustment.surcharge_nanos, advice)


def _check_duration_tiers(terms: PlanRevision) -> None:
    tiers = terms.duration_tiers
    _check_steps("revision.duration_tiers", [tier.from_quantity for tier in tiers])
    for place, tier in enumerate(tiers):
        field = f"revision.duration_tiers[{place}]"
        if not 0 <= tier.from_quantity <= DURATION_TIER_SECONDS_MAX:
            advice = f"give 0 to {DURATION_TIER_SECONDS_MAX}"
            raise invalid_terms(f"{field}.from_seconds", tier.from_quantity, advice)
        _check_tier_price(f"{field}.price", tier.price)


def _check_volume_tiers(sets: Sequence[VolumeTiers], bands: frozenset[str]) -> None:
    _check_count("revision.volume_tiers", sets)
    _check_codes("revision.volume_tiers", [each.code for each in sets])
    for place, tiers in enumerate(sets):
        field = f"revision.volume_tiers[{place}]"
        check_condition(f"{field}.when", tiers.when, bands)
        _check_volume_steps(field, tiers)
        _check_mode(field, tiers)
        if tiers.measure is Measure.QUANTITY or _has_price(tiers):
            _check_counted(field, tiers.when)


def _check_volume_steps(field: str, tiers: VolumeTiers) -> None:
    starts = [tier.from_count for tier in tiers.tiers]
    _check_steps(f"{field}.tiers", starts)
    if not starts or starts[0] != 0:
        raise invalid_terms(f"{field}.tiers", starts, "the first tier begins at 0")
    if starts[-1] > COUNT_MAX:
        raise invalid_terms(f"{field}.tiers", starts[-1], f"count at most to {COUNT_MAX}")
    for place, tier in enumerate(tiers.tiers):
        _check_tier_price(f"{field}.tiers[{place}].price", tier.price)


def _check_mode(field: str, tiers: VolumeTiers) -> None:
    has_price = _has_price(tiers)
    if tiers.measure is Measure.SPEND and has_price:
        raise invalid_terms(f"{field}.tiers", "a price", "SPEND takes factors only")
    if tiers.mode is not VolumeMode.WHOLE_VOLUME:
        return
    if tiers.period is not CounterPeriod.BILLING:
        advice = "WHOLE_VOLUME is settled when a billing period is sealed; take BILLING"
        raise invalid_terms(f"{field}.period", tiers.period.name, advice)
    if tiers.tiers[0].price != TierPrice():
        raise invalid_terms(f"{field}.tiers[0]", "a price", "WHOLE_VOLUME begins with factor 1")
    if has_price and tiers.measure is not Measure.QUANTITY:
        advice = "WHOLE_VOLUME takes prices for QUANTITY only; take factors"
        raise invalid_terms(f"{field}.tiers", "a price", advice)


def _check_bundles(bundles: Sequence[BundleAllowance], bands: frozenset[str]) -> None:
    _check_count("revision.bundles", bundles)
    _check_codes("revision.bundles", [each.code for each in bundles])
    for place, allowance in enumerate(bundles):
        field = f"revision.bundles[{place}]"
        check_condition(f"{field}.when", allowance.when, bands)
        check_allowance(field, allowance)


def _check_caps(terms: PlanRevision, bands: frozenset[str]) -> None:
    _check_count("revision.price_caps", terms.price_caps)
    for place, cap in enumerate(terms.price_caps):
        field = f"revision.price_caps[{place}]"
        check_condition(f"{field}.when", cap.when, bands)
        _check_amount(f"{field}.amount", cap.amount_micros)


def _check_fees(fees: Sequence[Fee]) -> None:
    _check_count("revision.fees", fees)
    _check_codes("revision.fees", [each.code for each in fees])
    for place, fee in enumerate(fees):
        check_display_name(f"revision.fees[{place}].display_name", fee.display_name)
        _check_amount(f"revision.fees[{place}].amount", fee.amount_micros)


def _check_resold(resold: Sequence[ResoldPlan]) -> None:
    _check_count("revision.resold_plans", resold)
    repeated = _first_repeated([each.plan_id for each in resold])
    if repeated is not None:
        raise invalid_terms("revision.resold_plans", repeated, "name each plan once")
    for place, each in enumerate(resold):
        _check_amount(f"revision.resold_plans[{place}].monthly_fee", each.monthly_fee_micros)


def _check_decks(field: str, deck_ids: Sequence[str]) -> None:
    if not 1 <= len(deck_ids) <= RATE_DECKS_MAX:
        raise invalid_terms(field, f"{len(deck_ids)} decks", f"name 1 to {RATE_DECKS_MAX}")
    repeated = _first_repeated(deck_ids)
    if repeated is not None:
        raise invalid_terms(field, repeated, "name each deck once")


def _check_count(field: str, terms: Sequence[object]) -> None:
    if len(terms) > TERMS_OF_A_KIND_MAX:
        raise invalid_terms(field, len(terms), f"give at most {TERMS_OF_A_KIND_MAX}")


def _check_codes(field: str, codes: Sequence[str]) -> None:
    for place, code in enumerate(codes):
        check_code(f"{field}[{place}].code", code)
    repeated = _first_repeated(codes)
    if repeated is not None:
        raise invalid_terms(field, repeated, "give each its own code")


def _check_steps(field: str, starts: Sequence[int]) -> None:
    if len(starts) > TIERS_MAX:
        raise invalid_terms(field, len(starts), f"give at most {TIERS_MAX} tiers")
    for before, after in pairwise(starts):
        if after <= before:
            raise invalid_terms(
                field, f"{before}, {after}", "each tier begins after the one before"
            )


def _check_tier_price(field: str, price: TierPrice) -> None:
    _check_factor(f"{field}.factor", price.factor_millionths)
    if price.price_nanos is not None and not 0 <= price.price_nanos <= PRICE_NANOS_MAX:
        advice = f"give 0 to {PRICE_NANOS_MAX} nanos"
        raise invalid_terms(f"{field}.price", price.price_nanos, advice)


def _check_factor(field: str, millionths: int) -> None:
    if not 0 <= millionths <= FACTOR_MILLIONTHS_MAX:
        advice = f"give 0 to {FACTOR_MILLIONTHS_MAX // FACTOR_ONE}"
        raise invalid_terms(field, f"{millionths} millionths", advice)


def _check_amount(field: str, micros: int) -> None:
    if not 0 <= micros <= AMOUNT_MICROS_MAX:
        advice = f"an amount is not negative, nor beyond {AMOUNT_MICROS_MAX} micros"
        raise invalid_terms(field, micros, advice)


def _check_counted(field: str, when: Condition) -> None:
    """What is counted in units or priced by them is of one service."""
    if when.service not in COUNTED_SERVICES:
        found = "unset" if when.service is None else when.service.name
        names = ", ".join(service.name for service in COUNTED_SERVICES)
        raise invalid_terms(
            f"{field}.when.service", found, f"its units are those of one of {names}"
        )


def _has_price(tiers: VolumeTiers) -> bool:
    return any(tier.price.price_nanos is not None for tier in tiers.tiers)


def _first_repeated(texts: Sequence[str]) -> str | None:
    return next((text for text, count in Counter(texts).items() if count > 1), None)

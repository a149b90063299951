"""The terms of plans to the messages of the contract and back, each by itself."""

from datetime import date

from google.type.date_pb2 import Date
from google.type.dayofweek_pb2 import DayOfWeek
from google.type.timeofday_pb2 import TimeOfDay

from chassis.grpc.convert import date_from_proto, date_to_proto, money_to_proto, nanos_to_decimal
from kernel.money import Money
from services.rating.api.convert_fields import (
    in_field,
    member,
    micros_from_proto,
    millionths_from_proto,
    millionths_to_proto,
    nanos_from_proto,
)
from services.rating.domain.errors import invalid_field
from services.rating.domain.plans.conditions import Condition, Jurisdiction, Relation
from services.rating.domain.plans.plan import (
    FACTOR_ONE,
    BundleAllowance,
    BundleUnit,
    CounterPeriod,
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
from services.rating.domain.plans.time_bands import MINUTES_PER_DAY, TimeBand
from services.rating.domain.usage import Service
from tollbook.rating.v1 import plan_pb2, service_pb2

MINUTES_PER_HOUR = 60


def band_from_proto(field: str, message: plan_pb2.TimeBand) -> TimeBand:
    """A time band: INVALID_TIME_BAND, INVALID_DATE."""
    return TimeBand(
        code=message.code,
        weekdays=tuple(message.weekdays),
        from_minute=_minute(f"{field}.from_time", message.from_time),
        to_minute=(
            _minute(f"{field}.to_time", message.to_time)
            if message.HasField("to_time")
            else MINUTES_PER_DAY
        ),
        first_date=_date(f"{field}.first_date", message.first_date),
        last_date=_date(f"{field}.last_date", message.last_date),
        calendar_id=message.calendar_id,
        not_on_holidays_of=message.not_on_holidays_of,
    )


def band_to_proto(band: TimeBand) -> plan_pb2.TimeBand:
    """A time band."""
    return plan_pb2.TimeBand(
        code=band.code,
        weekdays=[DayOfWeek.ValueType(weekday) for weekday in band.weekdays],
        from_time=_time_of_day(band.from_minute),
        to_time=_time_of_day(band.to_minute),
        first_date=date_to_proto(band.first_date),
        last_date=date_to_proto(band.last_date),
        calendar_id=band.calendar_id,
        not_on_holidays_of=band.not_on_holidays_of,
    )


def condition_from_proto(field: str, message: plan_pb2.Condition) -> Condition:
    """A condition; an unset one always holds: INVALID_TERMS."""
    jurisdictions = f"{field}.jurisdictions"
    return Condition(
        service=member(f"{field}.service", Service, message.service) if message.service else None,
        time_bands=tuple(message.time_bands),
        destination_prefixes=tuple(message.destination_prefixes),
        origin_prefixes=tuple(message.origin_prefixes),
        relations=tuple(member(f"{field}.relations", Relation, n) for n in message.relations),
        jurisdictions=tuple(member(jurisdictions, Jurisdiction, n) for n in message.jurisdictions),
    )


def condition_to_proto(when: Condition) -> plan_pb2.Condition | None:
    """A condition; None, which leaves a field unset, for one that always holds."""
    if when == Condition():
        return None
    return plan_pb2.Condition(
        service=service_pb2.Service.ValueType(when.service or 0),
        time_bands=when.time_bands,
        destination_prefixes=when.destination_prefixes,
        origin_prefixes=when.origin_prefixes,
        relations=[plan_pb2.Relation.ValueType(each) for each in when.relations],
        jurisdictions=[plan_pb2.Jurisdiction.ValueType(each) for each in when.jurisdictions],
    )


def adjustment_from_proto(field: str, message: plan_pb2.PriceAdjustment) -> PriceAdjustment:
    """A discount or surcharge: INVALID_TERMS, INVALID_DECIMAL."""
    has_factor, has_surcharge = message.HasField("factor"), message.HasField("surcharge")
    return PriceAdjustment(
        code=message.code,
        when=condition_from_proto(f"{field}.when", message.when),
        factor_millionths=(
            millionths_from_proto(f"{field}.factor", message.factor) if has_factor else FACTOR_ONE
        ),
        surcharge_nanos=(
            nanos_from_proto(f"{field}.surcharge", message.surcharge) if has_surcharge else 0
        ),
        includes_connect_fee=message.includes_connect_fee,
    )


def adjustment_to_proto(adjustment: PriceAdjustment) -> plan_pb2.PriceAdjustment:
    """A discount or surcharge."""
    return plan_pb2.PriceAdjustment(
        code=adjustment.code,
        when=condition_to_proto(adjustment.when),
        factor=millionths_to_proto(adjustment.factor_millionths),
        surcharge=nanos_to_decimal(adjustment.surcharge_nanos),
        includes_connect_fee=adjustment.includes_connect_fee,
    )


def duration_tier_from_proto(field: str, message: plan_pb2.DurationTier) -> DurationTier:
    """A duration tier: INVALID_TERMS, INVALID_DECIMAL."""
    return DurationTier(message.from_seconds, _tier_price(f"{field}.price", message.price))


def duration_tier_to_proto(tier: DurationTier) -> plan_pb2.DurationTier:
    """A duration tier."""
    price = _tier_price_to_proto(tier.price)
    return plan_pb2.DurationTier(from_seconds=tier.from_quantity, price=price)


def volume_tiers_from_proto(field: str, message: plan_pb2.VolumeTiers) -> VolumeTiers:
    """A set of volume tiers: INVALID_TERMS, INVALID_DECIMAL."""
    return VolumeTiers(
        code=message.code,
        when=condition_from_proto(f"{field}.when", message.when),
        measure=member(f"{field}.measure", Measure, message.measure),
        mode=member(f"{field}.mode", VolumeMode, message.mode),
        tiers=tuple(
            VolumeTier(tier.from_count, _tier_price(f"{field}.tiers[{place}].price", tier.price))
            for place, tier in enumerate(message.tiers)
        ),
        period=_period(field, message.period),
        shared=message.shared,
    )


def volume_tiers_to_proto(tiers: VolumeTiers) -> plan_pb2.VolumeTiers:
    """A set of volume tiers."""
    return plan_pb2.VolumeTiers(
        code=tiers.code,
        when=condition_to_proto(tiers.when),
        measure=plan_pb2.Measure.ValueType(tiers.measure),
        mode=plan_pb2.VolumeMode.ValueType(tiers.mode),
        tiers=[
            plan_pb2.VolumeTier(from_count=each.from_count, price=_tier_price_to_proto(each.price))
            for each in tiers.tiers
        ],
        period=plan_pb2.CounterPeriod.ValueType(tiers.period),
        shared=tiers.shared,
    )


def bundle_from_proto(field: str, message: plan_pb2.BundleAllowance) -> BundleAllowance:
    """A bundle: INVALID_TERMS."""
    return BundleAllowance(
        code=message.code,
        when=condition_from_proto(f"{field}.when", message.when),
        unit=member(f"{field}.unit", BundleUnit, message.unit),
        quantity=message.quantity,
        priority=message.priority,
        period=_period(field, message.period),
        rollover_periods=message.rollover_periods,
        shared=message.shared,
        covers_connect_fee=message.covers_connect_fee,
    )


def bundle_to_proto(bundle: BundleAllowance) -> plan_pb2.BundleAllowance:
    """A bundle."""
    return plan_pb2.BundleAllowance(
        code=bundle.code,
        when=condition_to_proto(bundle.when),
        unit=plan_pb2.BundleUnit.ValueType(bundle.unit),
        quantity=bundle.quantity,
        priority=bundle.priority,
        period=plan_pb2.CounterPeriod.ValueType(bundle.period),
        rollover_periods=bundle.rollover_periods,
        shared=bundle.shared,
        covers_connect_fee=bundle.covers_connect_fee,
    )


def cap_from_proto(field: str, message: plan_pb2.PriceCap) -> PriceCap:
    """A price cap: INVALID_TERMS, INVALID_AMOUNT, UNKNOWN_CURRENCY."""
    return PriceCap(
        condition_from_proto(f"{field}.when", message.when),
        micros_from_proto(f"{field}.amount", message.amount),
        message.includes_connect_fee,
    )


def cap_to_proto(cap: PriceCap, currency: str) -> plan_pb2.PriceCap:
    """A price cap."""
    return plan_pb2.PriceCap(
        when=condition_to_proto(cap.when),
        amount=money_to_proto(Money(currency, cap.amount_micros)),
        includes_connect_fee=cap.includes_connect_fee,
    )


def fee_from_proto(field: str, message: plan_pb2.Fee) -> Fee:
    """A one-off fee: INVALID_AMOUNT, UNKNOWN_CURRENCY."""
    amount_micros = micros_from_proto(f"{field}.amount", message.amount)
    return Fee(message.code, message.display_name, amount_micros)


def fee_to_proto(fee: Fee, currency: str) -> plan_pb2.Fee:
    """A one-off fee."""
    amount = money_to_proto(Money(currency, fee.amount_micros))
    return plan_pb2.Fee(code=fee.code, display_name=fee.display_name, amount=amount)


def resold_plan_from_proto(field: str, message: plan_pb2.ResoldPlan) -> ResoldPlan:
    """What a resold plan costs: INVALID_AMOUNT, UNKNOWN_CURRENCY."""
    fee_micros = micros_from_proto(f"{field}.monthly_fee", message.monthly_fee)
    return ResoldPlan(message.plan_id, fee_micros)


def resold_plan_to_proto(resold: ResoldPlan, currency: str) -> plan_pb2.ResoldPlan:
    """What a resold plan costs."""
    monthly_fee = money_to_proto(Money(currency, resold.monthly_fee_micros))
    return plan_pb2.ResoldPlan(plan_id=resold.plan_id, monthly_fee=monthly_fee)


def _tier_price(field: str, message: plan_pb2.TierPrice) -> TierPrice:
    change = message.WhichOneof("change")
    if change is None:
        raise invalid_field("INVALID_TERMS", field, "give a factor or a price")
    if change == "factor":
        return TierPrice(millionths_from_proto(f"{field}.factor", message.factor))
    return TierPrice(price_nanos=nanos_from_proto(f"{field}.price", message.price))


def _tier_price_to_proto(price: TierPrice) -> plan_pb2.TierPrice:
    if price.price_nanos is not None:
        return plan_pb2.TierPrice(price=nanos_to_decimal(price.price_nanos))
    return plan_pb2.TierPrice(factor=millionths_to_proto(price.factor_millionths))


def _period(field: str, number: int) -> CounterPeriod:
    return member(f"{field}.period", CounterPeriod, number, CounterPeriod.BILLING)


def _minute(field: str, message: TimeOfDay) -> int:
    """The minute of the day; 24:00 is its end."""
    is_minute = (
        not message.seconds and not message.nanos and 0 <= message.minutes < MINUTES_PER_HOUR
    )
    if not is_minute or message.hours < 0:
        shown = " ".join(str(message).split())
        raise invalid_field("INVALID_TIME_BAND", field, f"{shown}: give whole minutes of a day")
    return message.hours * MINUTES_PER_HOUR + message.minutes


def _time_of_day(minute: int) -> TimeOfDay:
    hours, minutes = divmod(minute, MINUTES_PER_HOUR)
    return TimeOfDay(hours=hours, minutes=minutes)


def _date(field: str, message: Date) -> date | None:
    with in_field(field):
        return date_from_proto(message)

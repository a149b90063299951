"""Settling the whole-volume tiers of a period that is about to be sealed."""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

from kernel.clock import from_micros, to_micros
from kernel.period import Period
from services.rating.domain.account import Account
from services.rating.domain.charges.charge import CallKeyKind, ChargeKind
from services.rating.domain.counters import CounterKey
from services.rating.domain.fees.volume_adjustment import volume_adjustment
from services.rating.domain.plans.plan import CounterPeriod, VolumeMode, VolumeTiers
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Terms
from services.rating.store.accounts import accounts_paid_by
from services.rating.store.counters import counters_of_period
from services.rating.usecases.settling.booking import Booked
from services.rating.usecases.settling.fee_charge import FeeIdentity, record_fee
from services.rating.usecases.settling.price_calls import CallPricing


class _WholeVolume(NamedTuple):
    """A tier set with the terms that settle it."""

    terms: Terms
    tiers: VolumeTiers


def adjust_volume(pricing: CallPricing, payer: Account, period: Period) -> None:
    """Charge the adjustment of each whole-volume tier that was counted in the payer's period.

    The terms are those in force at the period's last instant. Raises NO_EXCHANGE_RATE.
    """
    uow, tenant_id, tariff = pricing.uow, pricing.tenant_id, pricing.tariff
    if not tariff.has_counters:
        return
    owners = accounts_paid_by(uow.connection, tenant_id, payer.account_id)
    counters = counters_of_period(uow.connection, tenant_id, owners, period)
    booked = Booked(to_micros(period.start), to_micros(period.end), correction=0)
    for key, state in sorted(counters.items()):
        whole = _whole_volume(tariff, key)
        if whole is None:
            continue
        adjustment = volume_adjustment(key, state, whole.tiers, whole.terms, payer.currency, tariff)
        if adjustment.amount_micros:
            priced = adjustment._replace(usage_line=_usage_line(whole, tariff))
            identity = _identity(key, payer)
            record_fee(uow, tenant_id, identity, payer.account_id, booked, priced)


def _whole_volume(tariff: Tariff, key: CounterKey) -> _WholeVolume | None:
    """The whole-volume tiers that a counter is of, if it is of any."""
    terms = tariff.terms_at(key.source_id, key.period_end_micros - 1)
    for tiers in terms.revision.volume_tiers if terms else ():
        is_whole = tiers.mode is VolumeMode.WHOLE_VOLUME
        if terms and is_whole and tiers.code == key.code and tiers.period is CounterPeriod.BILLING:
            return _WholeVolume(terms, tiers)
    return None


def _usage_line(whole: _WholeVolume, tariff: Tariff) -> str:
    plan_name = tariff.name_of(whole.terms.revision.plan_id)
    return f"{plan_name}: volume price {whole.tiers.code}"


def _identity(key: CounterKey, payer: Account) -> FeeIdentity:
    # The leg is the first day of the period, as the payer's calendar shows it.
    zone = ZoneInfo(payer.cycle.time_zone)
    first_day = from_micros(key.period_start_micros).astimezone(zone).date()
    return FeeIdentity(
        ChargeKind.VOLUME_ADJUSTMENT,
        CallKeyKind.VOLUME_COUNTER.value,
        f"{key.source_id}:{key.code}",
        first_day.isoformat(),
        key.owner_account_id,
        key.period_start_micros,
        is_key_of_account=True,
    )

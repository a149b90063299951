"""What a whole-volume tier adds to a sealed period, or takes back: one adjustment charge."""

from __future__ import annotations

from kernel.money import NANOS_PER_MICRO
from services.rating.domain.counters import CounterKey, CounterState
from services.rating.domain.exact import Ratio, add
from services.rating.domain.fees.fee_prices import PricedFee
from services.rating.domain.plans.plan import VolumeTiers
from services.rating.domain.pricing.call_receipt import plan_fields
from services.rating.domain.pricing.conversions import Conversions, NoExchangeError
from services.rating.domain.receipts.receipt import VOLUME_ADJUSTMENT, exact_text, of_kind
from services.rating.domain.tariffs.price_steps import step_at, volume_steps
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Terms
from services.rating.domain.usage import Service


def volume_adjustment(
    key: CounterKey,
    state: CounterState,
    tiers: VolumeTiers,
    terms: Terms,
    currency: str,
    tariff: Tariff,
) -> PricedFee:
    """All usage of a period at the tier that its count reached, less what was charged for it.

    `currency` is the account's; where a tier has a price, the exchange rate is that at the end of
    the period. DomainError: NO_EXCHANGE_RATE.
    """
    thresholds, steps = volume_steps(tiers.tiers)
    service = tiers.when.service or Service.VOICE
    conversions = Conversions(tariff.exchange, key.period_end_micros)
    step = step_at(thresholds, steps, state.used)
    if step.price_nanos is None:
        cost = state.spent_micros * step.numerator, step.denominator
    else:
        priced = state.used * step.price_nanos, service.unit_size * NANOS_PER_MICRO
        cost = _exchanged(priced, conversions, terms, currency, key.owner_account_id)
    exact = add(cost, (-state.spent_micros, 1))
    amount = terms.revision.price_rule.round_micros(*exact)
    exchanges = conversions.shown()
    fields = {
        **plan_fields(terms.revision, terms.currency, currency),
        "service": service.name,
        "volume": {
            **key._asdict(),
            "measure": tiers.measure.name,
            "mode": tiers.mode.name,
            "count": state.used,
            "spent_micros": state.spent_micros,
            "tiers": [step.shown for step in steps],
        },
        **({"exchanges": exchanges} if exchanges else {}),
        "exact_micros": exact_text(exact),
        "amount_micros": amount,
    }
    return PricedFee(currency, amount, of_kind(VOLUME_ADJUSTMENT, currency, fields))


def _exchanged(
    cost: Ratio, conversions: Conversions, terms: Terms, currency: str, owner_id: str
) -> Ratio:
    """A cost in the plan's currency as one in the account's."""
    try:
        return conversions.convert(cost, terms.currency, currency)
    except NoExchangeError as error:
        what = f"the volume price of account {owner_id!r}"
        raise error.of(what, account_id=owner_id, plan_id=terms.revision.plan_id) from None

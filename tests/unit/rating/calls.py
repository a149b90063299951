"""Calls and what prices them, as short as a test can say them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from kernel.clock import to_micros
from kernel.e164 import NumberKind
from services.rating.domain.account import Customer, Subscription
from services.rating.domain.counters import CounterBook
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.conditions import CallFacts, Condition, Jurisdiction, Relation
from services.rating.domain.plans.plan import (
    BundleAllowance,
    BundleUnit,
    Measure,
    TierPrice,
    VolumeMode,
    VolumeTier,
    VolumeTiers,
)
from services.rating.domain.pricing.price_usage import PricedCall, Usage, price_usage
from services.rating.domain.tariffs.tariff import DeckVersion, Tariff
from services.rating.domain.usage import Service
from tests.unit.rating.terms import BEGINNING, PLAN, account, revision

NUMBER = "31612345678"
CALLER = "31201234567"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
CENT_A_SECOND = 600_000_000
VOICE = Condition(service=Service.VOICE)


def rate(price_nanos: int = CENT_A_SECOND, prefix: str = "31", **changes: Any) -> Rate:
    """By the second at 0.01 a second, unless changed."""
    row = Rate(prefix, "Netherlands", price_nanos, 0, 1, 1, 0, 0, 2)
    return row._replace(**changes)


def deck(
    deck_id: str = "deck",
    version: str = "",
    effective_time: datetime = BEGINNING,
    service: Service = Service.VOICE,
    currency: str = "EUR",
) -> DeckVersion:
    """A deck's version, of its own name unless another is given."""
    return DeckVersion(version or deck_id, deck_id, effective_time, service, currency)


def call(seconds: float = 60, at: datetime = NOON, **changes: Any) -> Usage:
    """An answered call to the Netherlands that begins when it starts; facts by their names."""
    start = to_micros(at)
    facts = CallFacts(
        Service.VOICE, CALLER, NUMBER, Relation.OFF_NET, Jurisdiction.INDETERMINATE
    )._replace(**{key: changes.pop(key) for key in CallFacts._fields if key in changes})
    usage = Usage(
        facts.service, start, start, round(seconds * 1_000), 0, True, NumberKind.E164, facts
    )
    return usage._replace(**changes)


def sent(quantity: int, service: Service = Service.SMS, **changes: Any) -> Usage:
    """Messages or bytes."""
    return call(0, service=service, quantity=quantity, **changes)


def after(at: datetime, seconds: float) -> datetime:
    """Some seconds later."""
    return at + timedelta(seconds=seconds)


class Shop:
    """Prices calls by the terms of one plan; its counters move with every call."""

    def __init__(
        self,
        rates: Sequence[Rate] | Mapping[str, Sequence[Rate]] | None = None,
        decks: Sequence[DeckVersion] = (),
        plans: Sequence[Any] = (PLAN,),
        revisions: Sequence[Any] = (),
        tariff: dict[str, Any] | None = None,
        **terms: Any,
    ) -> None:
        by_version = rates if isinstance(rates, Mapping) else {"deck": rates or [rate()]}
        self.tables = {name: PrefixTable.compile(rows) for name, rows in by_version.items()}
        self.tariff = Tariff(
            plans, revisions or [revision(**terms)], decks or [deck()], **(tariff or {})
        )
        self.customer = Customer(
            account(), account(), [Subscription(PLAN.plan_id, to_micros(BEGINNING), None)]
        )
        self.book = CounterBook()

    def price(self, usage: Usage, customer: Customer | None = None) -> PricedCall:
        """The price of a call; what it takes is taken."""
        priced = price_usage(
            usage, customer or self.customer, self.tariff, self.tables.__getitem__, self.book
        )
        self.book.apply(priced.counter_uses)
        return priced

    def micros(self, usage: Usage, customer: Customer | None = None) -> int:
        """What a call costs."""
        priced = self.price(usage, customer)
        assert not priced.unrated_reason
        return priced.amount_micros


def bundle(quantity: int, code: str = "free", **changes: Any) -> BundleAllowance:
    """Seconds for voice, unless changed."""
    fields = {"when": VOICE, "unit": BundleUnit.QUANTITY, "quantity": quantity, **changes}
    return BundleAllowance(code, **fields)


def volume_tiers(measure: Measure, *steps: tuple[int, TierPrice], **changes: Any) -> VolumeTiers:
    """Graduated from the list price on, unless changed."""
    fields = {"when": VOICE, "mode": VolumeMode.GRADUATED, **changes}
    ordered = (VolumeTier(0, TierPrice()), *(VolumeTier(*step) for step in steps))
    return VolumeTiers("volume", measure=measure, tiers=ordered, **fields)


def positions(shop: Shop) -> list[int]:
    """Where counters stand."""
    return [state.used for state in shop.book.states().values()]

"""Prices calls by decks that were read from real files, as a customer of one plan."""

from collections.abc import Mapping
from datetime import datetime

from kernel.clock import to_micros
from kernel.e164 import NumberKind
from services.rating.domain.account import Customer, Subscription
from services.rating.domain.counters import CounterBook
from services.rating.domain.decks.deck_import import ParsedDeck
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.plans.conditions import CallFacts, Jurisdiction, Relation
from services.rating.domain.plans.plan import PlanRevision
from services.rating.domain.priced_call import PricedCall
from services.rating.domain.pricing.price_usage import Usage, price_usage
from services.rating.domain.tariffs.tariff import DeckVersion, Tariff
from services.rating.domain.usage import Service
from tests.unit.rating.terms import BEGINNING, PLAN, account, revision

SINCE = to_micros(BEGINNING)
CUSTOMER = Customer(account(), account(), [Subscription(PLAN.plan_id, SINCE, None)])


class PricedBy:
    """Decks by their id, and the plan by whose terms they are asked."""

    def __init__(self, decks: Mapping[str, ParsedDeck], terms: PlanRevision | None = None) -> None:
        versions = [
            DeckVersion(deck_id, deck_id, BEGINNING, Service.VOICE, "EUR") for deck_id in decks
        ]
        self.tables = {deck_id: PrefixTable.compile(deck.rates) for deck_id, deck in decks.items()}
        self.tariff = Tariff([PLAN], [terms or revision()], versions)

    def call(
        self,
        number: str,
        seconds: int,
        start: datetime = BEGINNING,
        kind: NumberKind = NumberKind.E164,
    ) -> PricedCall:
        """A call that was answered at once."""
        begin = to_micros(start)
        facts = CallFacts(Service.VOICE, "", number, Relation.OFF_NET, Jurisdiction.INDETERMINATE)
        usage = Usage(Service.VOICE, begin, begin, seconds * 1_000, 0, True, kind, facts)
        return price_usage(usage, CUSTOMER, self.tariff, self.tables.__getitem__, CounterBook())

    def price(self, number: str, seconds: int, start: datetime = BEGINNING) -> int:
        """What that call costs, in micros."""
        return self.call(number, seconds, start).amount_micros

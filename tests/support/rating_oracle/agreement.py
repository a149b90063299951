"""The engine and the oracle price the same calls, each on counters of its own, and are compared."""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from services.rating.domain.account import Customer
from services.rating.domain.counters import CounterBook, CounterUse
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.priced_call import PricedCall
from services.rating.domain.priced_call import Usage as EngineUsage
from services.rating.domain.pricing.price_usage import price_usage
from services.rating.domain.tariffs.exchange import ExchangeRates
from services.rating.domain.tariffs.tariff import Tariff
from tests.support.rating_oracle import counters, prices
from tests.support.rating_oracle.counters import Key
from tests.support.rating_oracle.random_tenants import Scene, random_scene
from tests.support.rating_oracle.random_usage import DAY_MS, random_usage
from tests.support.rating_oracle.tenant import Tenant, Usage

CALLS_PER_TENANT = 100
CORRECTED_SHARE = 0.05


class Outcome(NamedTuple):
    """What can be compared of a price."""

    unrated_reason: str
    currency: str
    amount_micros: int
    charged_quantity: int
    prefix: str


class Priced(NamedTuple):
    """One call as both priced it."""

    usage: Usage
    customer: Customer
    by_engine: PricedCall
    by_oracle: prices.Answer


class Engine:
    """The engine with the tariff of one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self.tariff = Tariff(
            tenant.plans,
            tenant.revisions,
            tenant.deck_versions,
            tenant.calendars,
            ExchangeRates(tenant.exchange_rates),
        )
        self.tables = {
            version_id: PrefixTable.compile(list(rates.values()))
            for version_id, rates in tenant.rates.items()
        }
        self.book = CounterBook()

    def price(self, usage: Usage, customer: Customer) -> PricedCall:
        return price_usage(
            EngineUsage(**usage._asdict()),
            customer,
            self.tariff,
            self.tables.__getitem__,
            self.book,
        )


class Desk:
    """Settles calls of one tenant one after the other, by the engine and by the oracle."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.engine = Engine(scene.tenant)
        self.counters: counters.Counters = {}

    def settle(self, usage: Usage, customer: Customer) -> Priced:
        """Price a call and count what it takes."""
        by_engine = self.engine.price(usage, customer)
        by_oracle = prices.price(self.scene.tenant, usage, customer, self.counters)
        self.engine.book.apply(by_engine.counter_uses)
        counters.apply(self.counters, by_oracle.changes)
        return Priced(usage, customer, by_engine, by_oracle)

    def give_back(self, priced: Priced) -> None:
        """A correction returns what the earlier revision took."""
        self.engine.book.give_back(priced.by_engine.counter_uses)
        counters.give_back(self.counters, priced.by_oracle.changes)

    def check(self, priced: Priced) -> None:
        """Both have the same price, moved the same counters, and these stand alike."""
        by_engine = (*_outcome(priced.by_engine), _moves(priced.by_engine.counter_uses))
        by_oracle = (*_expected(priced.by_oracle), _taken(priced.by_oracle))
        assert by_engine == by_oracle, f"{by_engine} is not {by_oracle}: {priced.usage}"
        stand, stood = _counts(self.engine.book), _in_use(self.counters)
        assert stand == stood, f"{stand} is not {stood}: {priced.usage}"


def settle_random_calls(seed: int, calls: int = CALLS_PER_TENANT) -> Iterator[Priced]:
    """A random tenant's calls in the order of settlement, compared; some are corrected later."""
    rng = Random(seed)
    desk = Desk(random_scene(rng))
    settled: list[Priced] = []
    for _ in range(calls):
        if settled and rng.random() < CORRECTED_SHARE:
            earlier = settled.pop(rng.randrange(len(settled)))
            desk.give_back(earlier)
            usage, customer = _corrected(rng, earlier.usage), earlier.customer
        else:
            usage = random_usage(rng, desk.scene)
            customer = rng.choice(desk.scene.tenant.customers)
        priced = desk.settle(usage, customer)
        desk.check(priced)
        settled.append(priced)
        yield priced


def random_receipts(seed: int, calls: int = CALLS_PER_TENANT) -> Iterator[bytes]:
    """The receipts of a random tenant's calls, by the engine alone."""
    rng = Random(seed)
    scene = random_scene(rng)
    engine = Engine(scene.tenant)
    for _ in range(calls):
        priced = engine.price(random_usage(rng, scene), rng.choice(scene.tenant.customers))
        engine.book.apply(priced.counter_uses)
        if priced.receipt:
            yield priced.receipt


def _corrected(rng: Random, usage: Usage) -> Usage:
    """The same call, longer or shorter than the first record said."""
    return usage._replace(
        duration_ms=min(usage.duration_ms * rng.randint(0, 150) // 100, DAY_MS),
        quantity=usage.quantity * rng.randint(0, 150) // 100,
    )


def _outcome(priced: PricedCall) -> Outcome:
    """A call without a price has no more than its reason."""
    if priced.unrated_reason:
        return Outcome(priced.unrated_reason, "", 0, 0, "")
    return Outcome(
        "", priced.currency, priced.amount_micros, priced.charged_quantity, priced.prefix
    )


def _expected(answer: prices.Answer) -> Outcome:
    if answer.unpriced:
        return Outcome(answer.unpriced, "", 0, 0, "")
    return Outcome("", *answer[1:5])


def _moves(uses: tuple[CounterUse, ...]) -> dict[Key, tuple[int, int]]:
    moves = {Key(*use.key): _move(use) for use in uses}
    assert len(moves) == len(uses), "a counter is moved once"
    return {key: move for key, move in moves.items() if any(move)}


def _move(use: CounterUse) -> tuple[int, int]:
    spent = use.after.spent_micros - use.before.spent_micros
    return use.after.used - use.before.used, spent


def _taken(answer: prices.Answer) -> dict[Key, tuple[int, int]]:
    moves = {key: (change.used, change.spent_micros) for key, change in answer.changes.items()}
    return {key: move for key, move in moves.items() if any(move)}


def _counts(book: CounterBook) -> dict[Key, tuple[int, ...]]:
    return {Key(*key): tuple(state) for key, state in book.states().items() if any(state[1:])}


def _in_use(kept: counters.Counters) -> dict[Key, tuple[int, ...]]:
    return {key: tuple(count) for key, count in kept.items() if any(count[1:])}

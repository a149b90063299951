"""A carrier's real deck, as it was published, becomes prices that a careful person computes.

The files are CDRTool's `rates.csv` and `destinations.csv`. Our mapping of them:
- prices are ten-thousandths of a currency unit a minute (`Duration`, denominator 10,000);
- names and increments come from the destinations, joined by prefix; an increment of 0 means the
  default, which is the minute; where it is 6, the minimum is 6 seconds too;
- there is no currency column: the deck is imported as EUR;
- one row is a price of text messages and has no prefix: it is rejected, everything else is a rate.
"""

from collections import Counter
from pathlib import Path

import pytest

from kernel.clock import to_micros
from kernel.e164 import NumberKind
from services.rating.domain.account import Customer, Subscription
from services.rating.domain.counters import CounterBook
from services.rating.domain.decks.deck_import import ParsedDeck, parse_deck
from services.rating.domain.decks.deck_mapping import DeckMapping, DestinationsMapping
from services.rating.domain.decks.prefix_table import PrefixTable, padded_columns
from services.rating.domain.decks.rate_deck import longest_prefix
from services.rating.domain.plans.conditions import CallFacts, Jurisdiction, Relation
from services.rating.domain.pricing.price_usage import Usage, price_usage
from services.rating.domain.tariffs.tariff import DeckVersion, Tariff
from services.rating.domain.usage import Service
from tests.unit.rating.terms import BEGINNING, PLAN, account, revision

MAPPING = DeckMapping(
    prefix_column="Destination",
    price_column="Duration",
    connect_fee_column="Connect",
    price_denominator=10_000,
    destinations=DestinationsMapping(
        prefix_column="Destination",
        name_column="Description",
        increment_column="Incr",
        minimum_column="Min Dur",
    ),
)
# Prices keep four decimals, seconds are rounded up.
TARIFF = Tariff(
    [PLAN], [revision()], [DeckVersion("version", "deck", BEGINNING, Service.VOICE, "EUR")]
)
START = to_micros(BEGINNING)
CUSTOMER = Customer(account(), account(), [Subscription(PLAN.plan_id, START, None)])


@pytest.fixture(scope="module")
def deck(realdata: Path) -> ParsedDeck:
    """The deck, read as the mapping says."""
    folder = realdata / "ratedecks"
    return parse_deck(
        MAPPING,
        (folder / "cdrtool_rates_grn_premium.csv").read_bytes(),
        (folder / "cdrtool_destinations.csv").read_bytes(),
    )


@pytest.fixture(scope="module")
def table(deck: ParsedDeck) -> PrefixTable:
    """The deck, compiled."""
    return PrefixTable.compile(deck.rates)


def test_every_row_of_the_deck_is_a_rate_or_has_a_reason(deck: ParsedDeck) -> None:
    """13,127 rows: 13,126 prefixes, and one price of text messages without a prefix."""
    assert (deck.received_count, len(deck.rates)) == (13_127, 13_126)
    assert [row.reason for row in deck.rejected] == ["INVALID_PREFIX"]
    increments = Counter(rate.next_increment for rate in deck.rates)
    assert increments == {60: 13_117, 6: 9}


@pytest.mark.parametrize(
    ("number", "seconds", "prefix", "micros"),
    [
        # 31 NETHERLANDS_PROPER 292: 0.0292 a minute, 90 s are 2 begun minutes: 2 * 0.0292
        ("31201234567", 90, "31", 58_400),
        # 31612 NETHERLANDS CELL KPN 1802: 61 s are 2 begun minutes: 2 * 0.1802
        ("31612345678", 61, "31612", 360_400),
        # 44207 UK LONDON 133: 10 minutes: 10 * 0.0133
        ("442071838750", 600, "44207", 133_000),
        # 4477 UK CELL 3848: one second is a begun minute: 0.3848
        ("447700900123", 1, "4477", 384_800),
        # 49 GERMANY_PROPER 224: an hour: 60 * 0.0224
        ("493012345678", 3_600, "49", 1_344_000),
        # 1 USA 280, by 6 s: 61 s are 66 s, 66/60 * 0.0280 = 0.0308
        ("12125550123", 61, "1", 30_800),
        # the same, 3 s: at least 6 s, 6/60 * 0.0280 = 0.0028
        ("12125550123", 3, "1", 2_800),
        # 1204 CANADA MANITOBA 128: longer than 1, so by the minute again: 2 * 0.0128
        ("12045550123", 61, "1204", 25_600),
        # 8816 IRIDIUM FIXED 75677: 5 minutes: 5 * 7.5677
        ("881612345678", 300, "8816", 37_838_500),
        # 331 FRANCE PARIS 266: 59 s are a begun minute: 0.0266
        ("33142685300", 59, "331", 26_600),
    ],
)
def test_ten_prices_are_those_computed_by_hand(
    table: PrefixTable, number: str, seconds: int, prefix: str, micros: int
) -> None:
    """The arithmetic is beside each."""
    facts = CallFacts(Service.VOICE, "", number, Relation.OFF_NET, Jurisdiction.INDETERMINATE)
    usage = Usage(Service.VOICE, START, START, seconds * 1_000, 0, True, NumberKind.E164, facts)
    priced = price_usage(usage, CUSTOMER, TARIFF, lambda _: table, CounterBook())
    assert (priced.prefix, priced.amount_micros) == (prefix, micros)


def test_every_prefix_finds_its_own_rate(deck: ParsedDeck, table: PrefixTable) -> None:
    """Alone and with digits after it, by the compiled deck and by the definition."""
    by_prefix = {rate.prefix: rate for rate in deck.rates}
    called = [(rate.prefix + digits)[:15] for rate in deck.rates for digits in ("", "5555555555")]
    rows = table.match(*padded_columns(called)).tolist()
    assert [table.rate(row) for row in rows] == [longest_prefix(by_prefix, n) for n in called]
    assert [table.rate(row) for row in rows[::2]] == list(deck.rates)
    assert [table.find_row(number) for number in called] == rows

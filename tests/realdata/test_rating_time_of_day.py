"""CDRTool's customers and profiles become time bands of a plan, in the zone of the customer.

By CDRTool's `doc/RATING.txt`: a customer has a profile for days 1 to 5 (`Profile WD`) and one for
days 6 and 0 (`Profile WE`), in a zone. A profile cuts the day into at most four spans: the first
rate until hour H1, the second until H2, and so on; a span that ends at 0 is not used. A call that
crosses spans is priced in each by its own rate. Where neither destination nor customer has an
increment, the duration is charged as it is: seconds.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from services.rating.domain.decks.deck_import import ParsedDeck, parse_deck
from services.rating.domain.decks.deck_mapping import DeckMapping, DestinationsMapping
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import DeckChoice, PlanRevision
from services.rating.domain.plans.time_bands import TimeBand, check_bands
from services.rating.domain.receipts.receipt import read_receipt
from tests.realdata.pricing import PricedBy
from tests.unit.rating.terms import revision

WORKING_DAYS, WEEKEND = (1, 2, 3, 4, 5), (6, 7)
SPANS_MAX = 4
DECK = "grn_premium"

MAPPING = DeckMapping(
    prefix_column="Destination",
    price_column="Duration",
    connect_fee_column="Connect",
    price_denominator=10_000,
    default_first_increment=1,
    default_next_increment=1,
    destinations=DestinationsMapping(
        prefix_column="Destination",
        name_column="Description",
        increment_column="Incr",
        minimum_column="Min Dur",
    ),
)
# The layout with four spans, as an operator would fill it: rates, each with the hour it ends at.
OFFICE = ["2", "0", "office", "night", "8", "day", "18", "evening", "22", "night", "24"]
OFFICE_SHEET = b"prefix,price\n31,%s\n"


class Span(NamedTuple):
    """A band of the day and the rates that hold in it."""

    band: TimeBand
    rate_id: str


def spans(profile: list[str], days: tuple[int, ...], name: str) -> Iterator[Span]:
    """The spans of a profile's row, as bands of some weekdays."""
    rates, hours = profile[3::2], [int(hour) for hour in profile[4::2]]
    begin = 0
    for rate_id, end in zip(rates[:SPANS_MAX], hours, strict=True):
        if end > begin:
            code = f"{name} {begin}-{end}"
            yield Span(TimeBand(code, days, begin * 60, end * 60), rate_id)
            begin = end


def terms(weekday: list[str], weekend: list[str], zone: str) -> PlanRevision:
    """A plan with the bands of two profiles, and in each the deck of its rates."""
    parts = [*spans(weekday, WORKING_DAYS, "weekday"), *spans(weekend, WEEKEND, "weekend")]
    bands = tuple(part.band for part in parts)
    check_bands(bands)
    return revision(
        time_zone=zone,
        time_bands=bands,
        rate_deck_ids=(parts[0].rate_id,),
        deck_choices=tuple(
            DeckChoice(Condition(time_bands=(part.band.code,)), (part.rate_id,)) for part in parts
        ),
    )


def units_by_band(receipt: bytes) -> list[tuple[str, int]]:
    """How many seconds of a call were in which band."""
    return [(each["band"], each["units"]) for each in read_receipt(receipt)["segments"]]


@pytest.fixture(scope="module")
def profiles(realdata: Path) -> dict[str, list[str]]:
    """The real profiles by their id."""
    with (realdata / "ratedecks" / "cdrtool_profiles_timeofday.csv").open(newline="") as file:
        _, *rows = csv.reader(file)
    return {row[2]: row for row in rows}


@pytest.fixture(scope="module")
def customers(realdata: Path) -> list[dict[str, str]]:
    """The real customers; the heading of both fallbacks is the same, and none has one."""
    with (realdata / "ratedecks" / "cdrtool_customers.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def deck(realdata: Path) -> ParsedDeck:
    """The rates that the real profile names, by the second."""
    folder = realdata / "ratedecks"
    return parse_deck(
        MAPPING,
        (folder / "cdrtool_rates_grn_premium.csv").read_bytes(),
        (folder / "cdrtool_destinations.csv").read_bytes(),
    )


def test_all_customers_have_the_terms_of_one_profile(
    customers: list[dict[str, str]], profiles: dict[str, list[str]]
) -> None:
    """The default, a domain and a subscriber: the same profile on all days, in Amsterdam."""
    by_profiles = {(row["Profile WD"], row["Profile WE"], row["Timezone"]) for row in customers}
    assert (len(customers), by_profiles) == (3, {(DECK, DECK, "Europe/Amsterdam")})
    assert {(row["Incr"], row["Min Dur"]) for row in customers} == {("0", "0")}
    plan = terms(profiles[DECK], profiles[DECK], "Europe/Amsterdam")
    assert [band.code for band in plan.time_bands] == ["weekday 0-24", "weekend 0-24"]


def test_a_call_into_the_weekend_is_priced_in_both_bands(
    deck: ParsedDeck, profiles: dict[str, list[str]]
) -> None:
    """Friday 23:59:30 in Amsterdam, 90 s to the Netherlands: 30 s on Friday, 60 s on Saturday."""
    by = PricedBy({DECK: deck}, terms(profiles[DECK], profiles[DECK], "Europe/Amsterdam"))
    friday = datetime(2026, 3, 6, 22, 59, 30, tzinfo=UTC)
    priced = by.call("31201234567", 90, friday)
    assert units_by_band(priced.receipt) == [("weekday 0-24", 30), ("weekend 0-24", 60)]
    # 31 at 0.0292 in both: 90/60 * 0.0292
    assert priced.amount_micros == 43_800
    # In summer time Friday ends an hour earlier by UTC.
    late = by.call("31201234567", 90, datetime(2026, 4, 3, 21, 59, 30, tzinfo=UTC))
    assert units_by_band(late.receipt) == [("weekday 0-24", 30), ("weekend 0-24", 60)]
    # By the second: 61 s to 31612 at 0.1802 a minute are 0.183203, kept to 4 decimals.
    assert by.price("31612345678", 61, friday) == 183_200
    # 1 USA by 6 s: 61 s are 66 s at 0.0280
    assert by.price("12125550123", 61, friday) == 30_800


@pytest.mark.parametrize(
    ("start", "seconds", "micros"),
    [
        # Monday 07:59:30 in Amsterdam: 30 s at 0.01 and 60 s at 0.06 a minute
        (datetime(2026, 3, 2, 6, 59, 30, tzinfo=UTC), 90, 65_000),
        # 17:59:50: 10 s at 0.06 and 50 s at 0.03
        (datetime(2026, 3, 2, 16, 59, 50, tzinfo=UTC), 60, 35_000),
        # 21:59:59: 1 s at 0.03 and 59 s at 0.01: 0.0005 + 0.009833 = 0.0103
        (datetime(2026, 3, 2, 20, 59, 59, tzinfo=UTC), 60, 10_300),
        # Over midnight all night: 2 minutes at 0.01
        (datetime(2026, 3, 2, 22, 59, 0, tzinfo=UTC), 120, 20_000),
        # Friday 23:59: a minute of night and a minute of the weekend at 0.0292
        (datetime(2026, 3, 6, 22, 59, 0, tzinfo=UTC), 120, 39_200),
        # 10 hours from Monday 22:00 in winter: 10 h at 0.01, to 08:00 sharp
        (datetime(2026, 3, 2, 21, 0, 0, tzinfo=UTC), 36_000, 6_000_000),
        # Sunday 29 March 2026, an hour short, ends at 22:00 UTC: a minute at 0.0292, one at 0.01
        (datetime(2026, 3, 29, 21, 59, 0, tzinfo=UTC), 120, 39_200),
    ],
)
def test_a_profile_of_four_spans_prices_each_second_by_the_wall_clock(
    deck: ParsedDeck,
    profiles: dict[str, list[str]],
    start: datetime,
    seconds: int,
    micros: int,
) -> None:
    """Weekdays by an office profile, weekends by the real one; the arithmetic is beside each."""
    by_second = DeckMapping(
        "prefix", "price", "prefix", default_first_increment=1, default_next_increment=1
    )
    prices = {"night": b"0.01", "day": b"0.06", "evening": b"0.03"}
    sheets = {
        name: parse_deck(by_second, OFFICE_SHEET % price, b"") for name, price in prices.items()
    }
    plan = terms(OFFICE, profiles[DECK], "Europe/Amsterdam")
    by = PricedBy({**sheets, DECK: deck}, plan)
    assert by.price("31201234567", seconds, start) == micros

"""Rate sheets of other systems: every row is a rate or has a reason, prices are those of a person.

How each is read follows its own documentation:
- ASTPP: a price for a minute, connection cost once, initial increment and increment in seconds,
  grace time in seconds. Strip and prepend of a termination sheet are for routing.
- ASTPP, numbers: a price for a month (the rent), and a price for a minute with increments for calls
  to the number: one file, two decks. The set-up fee is a one-off fee of the plan.
- Asterisell: a price for a minute; peak and off-peak prices of one file are two decks; 'costo alla
  risposta' and 'scatto' are paid once for each answered call.
"""

from collections import Counter
from pathlib import Path

import pytest

from kernel.e164 import NumberKind
from services.rating.domain.decks.deck_import import ParsedDeck, parse_deck
from services.rating.domain.decks.deck_mapping import DeckMapping
from services.rating.domain.fees.fee_prices import DidRental, did_rental
from services.rating.domain.fees.recurring_fee import DayShare
from services.rating.domain.tariffs.tariff import DeckVersion, Tariff
from services.rating.domain.usage import Service
from tests.realdata.pricing import CUSTOMER, SINCE, PricedBy
from tests.unit.rating.terms import BEGINNING, PLAN, revision

ASTPP = DeckMapping(
    prefix_column="Code",
    destination_column="Destination",
    connect_fee_column="Connection Cost (USD)",
    grace_column="Grace Time",
    price_column="Cost / Min (USD)",
    first_increment_column="Initial Increment",
    next_increment_column="Increment",
)
DID = DeckMapping(
    prefix_column="DID",
    destination_column="City",
    price_column="Monthly Fee",
    service=Service.DID_RENTAL,
)
DID_CALLS = DeckMapping(
    prefix_column="DID",
    destination_column="City",
    price_column="Per Minute Cost",
    first_increment_column="Initial Increment",
    next_increment_column="Increment",
)


@pytest.fixture(scope="module")
def folder(realdata: Path) -> Path:
    """Where the sheets are."""
    return realdata / "ratedecks"


def blocks(file: Path) -> list[bytes]:
    """The layouts of a file that holds several, with a blank line between."""
    text = "".join(
        line for line in file.read_text().splitlines(keepends=True) if not line.startswith("#")
    )
    return [block.encode() for block in text.strip().split("\n\n")]


def read(mapping: DeckMapping, sheet: bytes) -> ParsedDeck:
    """A sheet that has no file of destinations."""
    return parse_deck(mapping, sheet, b"")


def reasons(deck: ParsedDeck) -> Counter[str]:
    """Why rows are no rates, by how often."""
    assert len(deck.rates) + deck.rejected_count == deck.received_count
    return Counter(row.reason for row in deck.rejected)


def test_astpp_origination_rates_price_calls_by_both_increments(folder: Path) -> None:
    """USA 0.01 by 30/60, UK 0.05 by 30/30."""
    deck = read(ASTPP, (folder / "astpp_originationrates_sample.csv").read_bytes())
    assert (len(deck.rates), deck.rejected_count) == (2, 0)
    by = PricedBy({"deck": deck})
    # 20 s are the first 30: 30/60 * 0.01
    assert by.price("12125550123", 20) == 5_000
    # 31 s are 30 + 60 = 90: 90/60 * 0.01
    assert by.price("12125550123", 31) == 15_000
    # 91 s are 30 + 60 + 60 = 150: 150/60 * 0.01
    assert by.price("12125550123", 91) == 25_000
    # 61 s are 30 + 30 + 30 = 90: 90/60 * 0.05
    assert by.price("442071838750", 61) == 75_000
    # Unlike the grace, an increment is no gift: 1 s is 30 s: 30/60 * 0.05
    assert by.price("442071838750", 1) == 25_000


def test_astpp_termination_rates_are_a_suppliers_deck(folder: Path) -> None:
    """USA 0.05 and UK 0.06, both by 30/60."""
    deck = read(ASTPP, (folder / "astpp_terminationrates_sample.csv").read_bytes())
    assert (len(deck.rates), deck.rejected_count) == (2, 0)
    by = PricedBy({"deck": deck})
    # 31 s are 90: 90/60 * 0.05
    assert by.price("12125550123", 31) == 75_000
    # 30 s: 30/60 * 0.06
    assert by.price("442071838750", 30) == 30_000


def test_an_astpp_number_costs_its_month_and_calls_to_it_their_minutes(folder: Path) -> None:
    """535345345: 5 a month, calls 1 a minute by 2/3; 65456456: 10 a month, calls 6 by 7/8."""
    sheet = (folder / "astpp_did_sample.csv").read_bytes()
    rents, calls = read(DID, sheet), read(DID_CALLS, sheet)
    assert (len(rents.rates), rents.rejected_count) == (2, 0)
    assert (len(calls.rates), calls.rejected_count) == (2, 0)

    def rent(number: str, days: int) -> int:
        version = DeckVersion("deck", "deck", BEGINNING, Service.DID_RENTAL, "EUR")
        tables = PricedBy({"deck": rents}).tables
        share = DayShare(days, 30)
        tariff = Tariff([PLAN], [revision()], [version])
        rental = DidRental(number, share, SINCE)
        return did_rental(rental, CUSTOMER, tariff, tables.__getitem__).amount_micros

    # A whole month, and 7 days of 30: 5 * 7/30 = 1.1667
    assert (rent("535345345", 30), rent("535345345", 7)) == (5_000_000, 1_166_700)
    assert rent("65456456", 15) == 5_000_000
    by = PricedBy({"deck": calls})
    # 3 s are 2 + 3 = 5: 5/60 * 1 = 0.0833
    assert by.price("535345345", 3) == 83_300
    # 8 s are 7 + 8 = 15: 15/60 * 6
    assert by.price("65456456", 8) == 1_500_000


def test_asterisell_peak_and_off_peak_prices_are_two_decks_of_one_file(folder: Path) -> None:
    """The Italian header has a comma among its semicolons: its columns are named by position."""
    twt, italian, *_ = blocks(folder / "asterisell_layouts.txt")
    for column in ("Peak", "Off peak"):
        deck = read(
            DeckMapping(
                prefix_column="Code", destination_column="Destinations", price_column=column
            ),
            twt,
        )
        assert (len(deck.rates), deck.rejected_count) == (2, 0)
        # 61 s are 2 minutes at 0.1391; the longer prefix decides.
        assert PricedBy({"deck": deck}).price("93791234567", 61) == 278_200
    by_position = DeckMapping(
        prefix_column="2",
        destination_column="1",
        price_column="4",
        delimiter=";",
        decimal_separator=",",
        headerless=True,
    )
    deck = read(by_position, italian)
    # The header is a row like any other, and no rate.
    assert (len(deck.rates), reasons(deck)) == (2, {"INVALID_PREFIX": 1})
    assert PricedBy({"deck": deck}).price("93201234567", 60) == 123_000


def test_asterisell_charges_paid_on_answer_are_connect_fees(folder: Path) -> None:
    """Numbers of operators by prefix, 0.0826 a minute and 0.0656 on answer."""
    *_, operators, services, generic = blocks(folder / "asterisell_layouts.txt")
    deck = read(
        DeckMapping(
            prefix_column="Numero",
            destination_column="Operatore",
            price_column="Costo fascia intera",
            connect_fee_column="Costo alla risposta",
        ),
        operators,
    )
    assert (len(deck.rates), deck.rejected_count) == (2, 0)
    by = PricedBy({"deck": deck})
    # 0.0656 + 2 * 0.0826
    assert by.price("3917822100001", 61) == 230_800
    # 0.1033 + 0.0491
    assert by.price("391782400001", 60) == 152_400
    free = read(
        DeckMapping(
            prefix_column="Numerazione",
            destination_column="Operatore-Servizio",
            price_column="Peak",
            connect_fee_column="Scatto",
            minimum_column="Durata Minima",
        ),
        services,
    )
    assert (len(free.rates), free.rejected_count) == (1, 0)
    # A row for 112 is a prefix like any other: no deck prices a short code.
    short = PricedBy({"deck": free}).call("112", 60, kind=NumberKind.SHORT_CODE)
    assert short.unrated_reason == "NO_RATE"
    comma = read(
        DeckMapping(
            prefix_column="PREFIX",
            destination_column="DESTINATION",
            price_column="RATE",
            decimal_separator=",",
        ),
        generic,
    )
    # 0.1175 in quotes, with a decimal comma
    assert PricedBy({"deck": comma}).price("93201234567", 60) == 117_500


def test_a_sheet_by_charge_codes_has_no_prefixes_and_is_refused(folder: Path) -> None:
    """GAMMA's AFG is a code of its own price list; the notice before it has prefixes."""
    _, _, notice, gamma, *_ = blocks(folder / "asterisell_layouts.txt")
    deck = read(
        DeckMapping(prefix_column="CODES", destination_column="DESTINATION", price_column="RATE"),
        notice,
    )
    assert (len(deck.rates), deck.rejected_count) == (2, 0)
    # 2 minutes at 0.066
    assert PricedBy({"deck": deck}).price("35538123456", 90) == 132_000
    by_code = DeckMapping(
        prefix_column="ChargeCode",
        destination_column="Description",
        price_column="Peak Per Minute",
        connect_fee_column="Peak Call Set Up Charge",
    )
    refused = read(by_code, gamma)
    assert (len(refused.rates), reasons(refused)) == (0, {"INVALID_PREFIX": 1})
    assert refused.rejected[0].message == "'AFG' is not a prefix; write 1 to 15 digits"

"""Every row of a carrier's rate sheet becomes a rate or is rejected with its line and reason."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from services.rating.domain.decks.deck_import import REJECTED_ROWS_KEPT_MAX, ParsedDeck, parse_deck
from services.rating.domain.decks.deck_mapping import DeckMapping, DestinationsMapping
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.usage import Service

MAPPING = DeckMapping("prefix", "price", "name", "connect", "first", "next", "minimum", "grace")
HEADER = "prefix,name,price,connect,first,next,minimum,grace\n"


def parse(text: str, mapping: DeckMapping = MAPPING, destinations: str = "") -> ParsedDeck:
    """What becomes of a sheet."""
    return parse_deck(mapping, text.encode(), destinations.encode())


def test_a_row_is_read_as_the_mapping_says() -> None:
    """Prices are per minute, fees and increments as in the sheet, lines counted from 1."""
    deck = parse(HEADER + "316,Netherlands Mobile,0.0125,0.05,30,6,10,3\n")
    assert list(deck.rates) == [
        Rate("316", "Netherlands Mobile", 12_500_000, 50_000, 30, 6, 10, 3, row_number=2)
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("31x,A,0.1,,,,", "INVALID_PREFIX"),
        (",A,0.1,,,,", "INVALID_PREFIX"),
        ("1234567890123456,A,0.1,,,,", "INVALID_PREFIX"),
        ("31,A,,,,,", "INVALID_PRICE"),
        ("31,A,-0.1,,,,", "INVALID_PRICE"),
        ("31,A,1e3,,,,", "INVALID_PRICE"),
        ("31,A,0.1.2,,,,", "INVALID_PRICE"),
        ('31,A,"0,1",,,,', "INVALID_PRICE"),
        ("31,A,0.0000000001,,,,", "PRICE_TOO_PRECISE"),
        ("31,A,0.1,0.0000001,,,", "PRICE_TOO_PRECISE"),
        ("31,A,1000000001,,,,", "PRICE_TOO_LARGE"),
        ("31,A,0.1,,1.5,,", "INVALID_QUANTITY"),
        ("31,A,0.1,,,86401,", "INVALID_QUANTITY"),
        ("31,A,0.1,,,,-1", "INVALID_QUANTITY"),
        ("31,A,NaN,,,,", "INVALID_PRICE"),
        ("31,A,0.1,-1,,,", "INVALID_PRICE"),
        ("31,A,0.1,1000000001,,,", "PRICE_TOO_LARGE"),
        ("31,A,0.1,,,,,-1", "INVALID_QUANTITY"),
        ("31,A,0.1,,,,,86401", "INVALID_QUANTITY"),
        ("31,A,0.1,,,,,NaN", "INVALID_QUANTITY"),
        ("31,,0.1,,,,", "INVALID_DESTINATION"),
        ('31,"A,0.1,,,,', "MALFORMED_ROW"),
        ("31", "INVALID_DESTINATION"),
    ],
)
def test_a_row_that_is_no_rate_is_rejected_and_spoils_no_other(row: str, reason: str) -> None:
    """The rows around it are taken."""
    deck = parse(HEADER + "44,UK,0.2,,,,\n" + row + "\n1,USA,0.3,,,,\n")
    assert [rate.prefix for rate in deck.rates] == ["44", "1"]
    assert [(each.row_number, each.reason) for each in deck.rejected] == [(3, reason)]


def test_the_first_row_of_a_prefix_counts_and_the_later_one_names_it() -> None:
    """Which of two prices the carrier meant is not ours to guess."""
    deck = parse(HEADER + "31,A,0.1,,,,\n44,UK,0.2,,,,\n31,A,0.3,,,,\n")
    assert [rate.price_nanos for rate in deck.rates] == [100_000_000, 200_000_000]
    [rejected] = deck.rejected
    assert (rejected.row_number, rejected.reason) == (4, "DUPLICATE_PREFIX")
    assert "line 2" in rejected.message


@pytest.mark.parametrize("increments", ["0,0", ","])
def test_an_increment_of_nothing_means_the_default(increments: str) -> None:
    """Some carriers write 0 where others leave the cell empty."""
    mapping = replace(MAPPING, default_first_increment=30, default_next_increment=6)
    [rate] = parse(f"{HEADER}31,A,0.1,,{increments},\n", mapping).rates
    assert (rate.first_increment, rate.next_increment) == (30, 6)


def test_the_price_is_divided_by_its_denominator_and_brought_to_a_minute() -> None:
    """999 ten-thousandths for 30 seconds are 0.1998 a minute, exactly."""
    mapping = replace(MAPPING, price_denominator=10_000, price_unit=30)
    [rate] = parse(HEADER + "31,A,999,,,,\n", mapping).rates
    assert rate.price_nanos == 199_800_000


def test_a_price_that_no_nine_decimals_hold_is_never_rounded() -> None:
    """A third of a unit has no exact decimals: the sheet is asked to say what it means."""
    mapping = replace(MAPPING, price_denominator=3)
    assert parse(HEADER + "31,A,1,,,,\n", mapping).rejected[0].reason == "PRICE_TOO_PRECISE"


@pytest.mark.parametrize(
    ("service", "price", "increments"),
    [
        (Service.VOICE, 2_000_000_000, (60, 60)),
        (Service.SMS, 2_000_000_000, (1, 1)),
        (Service.DATA, 2_000_000_000, (1, 1)),
        (Service.DID_RENTAL, 2_000_000_000, (1, 1)),
    ],
)
def test_a_price_is_for_the_unit_of_its_service(
    service: Service, price: int, increments: tuple[int, int]
) -> None:
    """A minute, a message, a megabyte, a month of a number; increments are usual ones."""
    mapping = DeckMapping("prefix", "price", "name", service=service)
    [rate] = parse(HEADER + "31,A,2\n", mapping).rates
    assert (rate.price_nanos, rate.first_increment, rate.next_increment) == (price, *increments)


def test_data_is_counted_in_bytes() -> None:
    """0.01 for 10,240 bytes are 0.9765625 a megabyte; steps may be far above those of calls."""
    mapping = DeckMapping(
        "prefix",
        "price",
        "name",
        first_increment_column="first",
        price_unit=10_240,
        default_next_increment=10**9,
        service=Service.DATA,
    )
    [rate] = parse(HEADER + "31,A,0.01,,1048576\n", mapping).rates
    assert (rate.price_nanos, rate.first_increment) == (976_562_500, 1_048_576)
    assert rate.next_increment == 10**9
    [rejected] = parse(HEADER + "31,A,0.01,,1000000001\n", mapping).rejected
    assert rejected.reason == "INVALID_QUANTITY"


def test_decimal_commas_semicolons_and_a_byte_order_mark_are_read() -> None:
    """As spreadsheets in most of Europe write them."""
    mapping = DeckMapping("Code", "Preis", "Ziel", delimiter=";", decimal_separator=",")
    [rate] = parse("\ufeffCode;Ziel;Preis\r\n+43;Österreich;1,25\r\n", mapping).rates
    assert (rate.prefix, rate.destination, rate.price_nanos) == ("43", "Österreich", 1_250_000_000)


def test_columns_have_positions_where_there_is_no_header() -> None:
    """Counted from 1, as people do."""
    mapping = DeckMapping("1", "3", "2", headerless=True)
    [rate] = parse("31,Netherlands,0.1\n", mapping).rates
    assert (rate.prefix, rate.row_number) == ("31", 1)


def test_names_and_increments_come_from_the_destinations_file() -> None:
    """Joined by prefix; a prefix without a destination is rejected, not billed without a name."""
    joined = DestinationsMapping("code", "text", "incr", "min")
    mapping = DeckMapping("prefix", "price", destinations=joined)
    destinations = "code,text,incr,min\n31,Netherlands,6,12\n44,United Kingdom,0,0\n"
    deck = parse("prefix,price\n31,0.1\n44,0.2\n1,0.3\n", mapping, destinations)
    assert [(rate.destination, *rate[4:7]) for rate in deck.rates] == [
        ("Netherlands", 6, 6, 12),
        ("United Kingdom", 60, 60, 0),
    ]
    assert [(each.row_number, each.reason) for each in deck.rejected] == [
        (4, "UNKNOWN_DESTINATION")
    ]


@pytest.mark.parametrize(
    ("content", "mapping", "reason"),
    [
        (b"prefix,name\n31,A\n", MAPPING, "COLUMN_NOT_FOUND"),
        (b"", MAPPING, "COLUMN_NOT_FOUND"),
        (HEADER.encode(), MAPPING, "EMPTY_DECK"),
        (HEADER.encode() + b"31,\xd6sterreich,1,,,,\n", MAPPING, "INVALID_ENCODING"),
        (b"", replace(MAPPING, delimiter="x"), "INVALID_MAPPING"),
        (b"", replace(MAPPING, price_denominator=0), "INVALID_MAPPING"),
        (b"31,1\n", replace(MAPPING, prefix_column=""), "INVALID_MAPPING"),
        (b"31,1\n", replace(MAPPING, price_column=""), "INVALID_MAPPING"),
        (b"", replace(MAPPING, destinations=DestinationsMapping("", "name")), "INVALID_MAPPING"),
        (b"", replace(MAPPING, price_unit=-1), "INVALID_MAPPING"),
        (b"", replace(MAPPING, default_first_increment=86_401), "INVALID_MAPPING"),
        (b"", replace(MAPPING, service=Service.SMS), "INVALID_MAPPING"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_refused(
    content: bytes, mapping: DeckMapping, reason: str
) -> None:
    """The message names the column, the byte or the setting."""
    with pytest.raises(DomainError) as refusal:
        parse_deck(mapping, content, b"")
    assert refusal.value.reason == reason


def test_a_byte_that_is_no_utf_8_is_named_wherever_it_is() -> None:
    """Also in a file that is read in many pieces."""
    rows = "".join(f"{prefix},A,0.1,,,,\n" for prefix in range(10_000))
    content = (HEADER + rows).encode()
    with pytest.raises(DomainError, match=f"byte {len(content) + 4} "):
        parse_deck(MAPPING, content + b"31,\xd6,1,,,,\n", b"")


def test_only_the_first_rejected_rows_are_kept_and_all_are_counted() -> None:
    """By their line, whatever is wrong with them."""
    good, rows = "31,A,1\n", REJECTED_ROWS_KEPT_MAX + 50
    deck = parse(HEADER + good + "31,B,1\n" + "x,A,1\n" * rows + good * rows)
    assert (len(deck.rates), deck.rejected_count) == (1, 2 * rows + 1)
    reasons = [row.reason for row in deck.rejected]
    assert reasons == ["DUPLICATE_PREFIX"] + ["INVALID_PREFIX"] * (REJECTED_ROWS_KEPT_MAX - 1)
    assert [row.row_number for row in deck.rejected] == list(range(3, 3 + REJECTED_ROWS_KEPT_MAX))


def test_a_reason_quotes_only_the_beginning_of_what_is_wrong() -> None:
    """A thousand rejected rows fit into one answer."""
    [row] = parse(HEADER + f"31,NL,1,,,,{'9' * 100_000}\n").rejected
    assert (row.reason, len(row.message) < 200) == ("INVALID_QUANTITY", True)


@given(st.text(max_size=400))
def test_no_row_of_any_file_is_lost(text: str) -> None:
    """Accepted and rejected rows are the lines that are not blank."""
    mapping = DeckMapping("1", "2", "3", headerless=True)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    filled = [line for line in lines if line.strip(", \t\n")]
    content = text.encode("utf-8", "ignore") + b"\n1,2,one\n"
    assert parse_deck(mapping, content, b"").received_count == len(filled) + 1

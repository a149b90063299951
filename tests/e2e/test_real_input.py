"""The main job on real input: a carrier's deck and real records, from import to an invoice."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.type.money_pb2 import Money

from tests.realdata.conftest import realdata
from tests.realdata.make_billable import SOURCE, rewrite_asterisk, rewrite_freeswitch
from tests.support.operator import Operator
from tests.support.operator_prices import Deck
from tests.support.suite import Suite, fact, request_id
from tollbook.cdr.v1 import cdr_service_pb2 as cdr
from tollbook.cdr.v1 import source_pb2 as source
from tollbook.invoice.v1 import customer_pb2, invoice_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as invoice
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.rating.v1 import rate_deck_pb2 as rate_deck
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

__all__ = ["realdata"]

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

ASTERISK = "cdr/asterisk_cdr_csv"
FREESWITCH = "cdr/freeswitch/json_cdr_cgrates_minimal.json"
BEFORE_ALL_CALLS = datetime(2008, 1, 1, tzinfo=UTC)
# The calls of good.csv are of 14 January 2009, the one of FreeSWITCH of 8 April 2014.
JANUARY_2009 = datetime(2009, 1, 1, tzinfo=UTC)
APRIL_2014 = datetime(2014, 4, 1, tzinfo=UTC)
# The account code that FreeSWITCH wrote.
FREESWITCH_ACCOUNT = "1001"
MONTHLY_FEE_EUR = 5

# Prices in ten-thousandths of a unit a minute, names and increments in a second table, no currency.
MAPPING = rate_deck.RateDeckMapping(
    prefix_column="Destination",
    price_column="Duration",
    connect_fee_column="Connect",
    price_denominator=10_000,
    destinations=rate_deck.DestinationsMapping(
        prefix_column="Destination",
        name_column="Description",
        increment_column="Incr",
        minimum_column="Min Dur",
    ),
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How the records of a file ended."""

    accepted: int
    duplicate: int
    suspended: dict[str, int]


async def test_real_files_as_they_are_lose_no_record(suite: Suite, realdata: Path) -> None:
    """Each record ends somewhere: what cannot be billed waits with its reason.

    good.csv: five records with one unique id and one start. The first is the call. The second has
    billsec 7 in a call of 5 seconds. The others are the same call as failed, unanswered and busy.
    buggy.csv: its only line lost its last quote. FreeSWITCH's document does not say who was called.
    """
    operator = await an_operator(suite, "as-is")
    await operator.set_up(["test"])
    await operator.add_line("test", kind=customer_pb2.LINE_KIND_SIP_USER)
    await operator.create_source(
        "real-pbx", source.RECORD_FORMAT_ASTERISK_CSV, source.LINE_RULE_SIP_USER
    )
    await operator.create_source("real-switch", source.RECORD_FORMAT_FREESWITCH_JSON)
    await operator.known_everywhere()
    good, buggy = (realdata / ASTERISK / name for name in ("good.csv", "buggy.csv"))
    assert await ended(operator, good.read_bytes(), "good.csv", "real-pbx") == Ended(
        1, 0, {"BILLSEC_EXCEEDS_DURATION": 1, "IDENTITY_CONFLICT": 3}
    )
    assert await ended(operator, buggy.read_bytes(), "buggy.csv", "real-pbx") == Ended(
        0, 0, {"MALFORMED_RECORD": 1}
    )
    document = (realdata / FREESWITCH).read_bytes()
    assert await ended(operator, document, "cdr.json", "real-switch") == Ended(
        0, 0, {"MISSING_FIELD": 1}
    )
    again = await ended(operator, good.read_bytes(), "good.csv", "real-pbx")
    assert again == Ended(0, 5, {})


async def test_rewritten_real_calls_become_an_invoice_by_the_real_deck(
    suite: Suite, realdata: Path
) -> None:
    """January 2009 of Asterisk's good.csv, with source, destination and call id rewritten.

    Of five records one was answered, for 5 seconds, to 44 20 7946 0000. The longest prefix is
    44207, UK LONDON, 133 ten-thousandths a minute; its increment of 0 means a minute:
        1 begun minute × 0.0133            0.0133
        monthly fee                        5.0000
        sum                                5.0133
        net, to the cent                   5.01     rounding −0.0033
        VAT 21 % of 5.01 = 1.0521          1.05
        total                              6.06
    Three were not answered and cost nothing; billsec 7 of 5 seconds waits in suspense.
    """
    operator = await an_operator(suite, "billable", real_deck(realdata), JANUARY_2009)
    await operator.set_up(["office"])
    await operator.add_line("office", SOURCE, customer_pb2.LINE_KIND_NUMBER)
    await operator.create_source(
        "real-pbx", source.RECORD_FORMAT_ASTERISK_CSV, source.LINE_RULE_CALLER_NUMBER
    )
    await operator.known_everywhere()
    content = rewrite_asterisk((realdata / ASTERISK / "good.csv").read_text()).encode()
    assert await ended(operator, content, "good.csv", "real-pbx") == Ended(
        4, 0, {"BILLSEC_EXCEEDS_DURATION": 1}
    )
    issued = await invoice_of(operator, "office")
    show(issued)
    assert [(line.usage_line, line.charge_count, micros(line.amount)) for line in issued.lines] == [
        ("Standard", 1, 5_000_000),
        ("UK LONDON", 1, 13_300),
    ]
    assert micros(issued.rounding_difference) == -3_300
    assert micros(issued.net_amount) == 5_010_000
    assert micros(issued.tax_amount) == 1_050_000
    assert micros(issued.total_amount) == 6_060_000


async def test_a_rewritten_freeswitch_call_is_on_its_invoice_at_nothing(
    suite: Suite, realdata: Path
) -> None:
    """April 2014: the call was created and never answered, so there is the fee and nothing else.

    5.00 net, VAT 21 % 1.05, total 6.05.
    """
    operator = await an_operator(suite, "switch", real_deck(realdata), APRIL_2014)
    await operator.set_up([FREESWITCH_ACCOUNT])
    await operator.create_source("real-switch", source.RECORD_FORMAT_FREESWITCH_JSON)
    content = rewrite_freeswitch((realdata / FREESWITCH).read_text()).encode()
    assert await ended(operator, content, "cdr.json", "real-switch") == Ended(1, 0, {})
    issued = await invoice_of(operator, FREESWITCH_ACCOUNT)
    show(issued)
    assert sum(micros(line.amount) for line in issued.lines) == 5_000_000
    assert micros(issued.total_amount) == 6_050_000


async def test_the_real_deck_prices_by_its_longest_prefix(suite: Suite, realdata: Path) -> None:
    """Asked over gRPC, as a platform would: prices from the two tables, checked by hand.

    31612 NETHERLANDS CELL KPN 1802: 61 s are two begun minutes, 2 × 0.1802.
    1 USA 280 by 6 s: 61 s are 66 s, 66/60 × 0.0280. 8816 IRIDIUM 75677: 5 × 7.5677.
    """
    operator = await an_operator(suite, "quotes", real_deck(realdata), JANUARY_2009)
    await operator.set_up(["office"])
    stub = suite.stub(rating_grpc.RatingServiceStub, operator.tenant_id)
    for callee, seconds, expected in (
        ("31612345678", 61, 360_400),
        ("12125550123", 61, 30_800),
        ("881612345678", 300, 37_838_500),
    ):
        request = rating.PriceCallRequest(account_id=operator.accounts["office"], callee=callee)
        request.duration.FromSeconds(seconds)
        assert micros((await stub.PriceCall(request)).amount) == expected


async def an_operator(
    suite: Suite, tenant_id: str, deck: Deck | None = None, billed_since: datetime = JANUARY_2009
) -> Operator:
    """An operator of old times."""
    operator = Operator(
        suite,
        tenant_id,
        monthly_fee=MONTHLY_FEE_EUR,
        prices_since=BEFORE_ALL_CALLS,
        billed_since=billed_since,
    )
    return operator if deck is None else replace(operator, deck=deck)


def real_deck(folder: Path) -> Deck:
    """CDRTool's deck: 13,127 rows, of which one has no prefix, because it is of text messages."""
    rates = folder / "ratedecks" / "cdrtool_rates_grn_premium.csv"
    destinations = folder / "ratedecks" / "cdrtool_destinations.csv"
    return Deck(rates.read_bytes(), MAPPING, destinations.read_bytes(), rejected_count=1)


async def ended(operator: Operator, content: bytes, name: str, source_code: str) -> Ended:
    """Import a file; every record must have ended."""
    totals: cdr.ImportCallFileResponse = await operator.import_file(content, name, source_code)
    reasons = {each.reason: each.count for each in totals.suspended_reasons}
    print(
        f"{operator.tenant_id} {name}: {totals.received_count} received, "
        f"{totals.accepted_count} accepted, {totals.duplicate_count} duplicate, {reasons}"
    )
    assert totals.suspended_count == sum(reasons.values())
    assert totals.received_count == (
        totals.accepted_count + totals.duplicate_count + totals.suspended_count
    )
    return Ended(totals.accepted_count, totals.duplicate_count, reasons)


async def invoice_of(operator: Operator, code: str) -> invoice_pb2.Invoice:
    """Close the account's first period and wait for its invoice."""
    await operator.suite.caught_up("rating", "tollbook.cdr.v1.CallsCollected")
    stub = operator.suite.stub(invoice_grpc.InvoiceServiceStub, operator.tenant_id)
    account_id = operator.accounts[code]
    await stub.CloseBillingPeriod(
        invoice.CloseBillingPeriodRequest(account_id=account_id, request_id=request_id())
    )
    page = await fact(
        "the invoice is issued",
        lambda: stub.ListInvoices(invoice.ListInvoicesRequest(account_id=account_id)),
        lambda answer: bool(answer.invoices),
    )
    request = invoice.GetInvoiceRequest(invoice_id=page.invoices[0].invoice_id)
    return (await stub.GetInvoice(request)).invoice


def show(issued: invoice_pb2.Invoice) -> None:
    """Print what came out, for whoever reads the log."""
    for line in issued.lines:
        print(f"  {line.usage_line}: {line.charge_count} charges, {micros(line.amount)} micros")
    print(
        f"  {issued.number}: net {micros(issued.net_amount)}, tax {micros(issued.tax_amount)}, "
        f"total {micros(issued.total_amount)} micros of {issued.total_amount.currency_code}"
    )


def micros(amount: Money) -> int:
    """An amount as an integer."""
    return amount.units * 1_000_000 + amount.nanos // 1_000

"""Numbers, payments, documents and sums of issued invoices."""

import asyncio
import csv
import io

import pytest
from sqlalchemy import delete

from chassis.grpc.convert import time_to_proto
from kernel.partition import partition_of
from services.invoice.store import schema
from tests.conformance.invoice.office import NOON, NOVEMBER, OCTOBER, Office
from tests.conformance.invoice.rating_book import Rated
from tollbook.invoice.v1 import customer_pb2, invoice_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.type.v1.watermark_pb2 import Watermark

PDF, CSV = invoice_pb2.DOCUMENT_KIND_PDF, invoice_pb2.DOCUMENT_KIND_CALLS_CSV
ISSUED, PARTIALLY_PAID, PAID, WRITTEN_OFF = 1, 2, 3, 4


async def billed(office: Office, count: int = 1) -> list[invoice_pb2.Invoice]:
    """Invoices of 1.21 each, on accounts of one legal entity."""
    entity, customer = await office.found(), await office.customer()
    accounts = [await office.account(entity, customer, f"A-{n}") for n in range(count)]
    for account in accounts:
        await office.rate(Rated(account.account_id, NOON, OCTOBER, 1_000_000, "a"))
    periods = await asyncio.gather(
        *[asyncio.create_task(office.close(account.account_id)) for account in accounts]
    )
    return [await office.invoice(period.invoice_id) for period in periods]


async def test_invoices_issued_at_once_have_numbers_without_a_gap(office: Office) -> None:
    """Ten periods close at the same time: 1 to 10, each once."""
    invoices = await billed(office, 10)
    numbers = sorted(int(invoice.number.rsplit("-", 1)[1]) for invoice in invoices)
    assert numbers == list(range(1, 11))
    assert (await office.digest())["acme"].number_gaps == []


async def test_one_call_is_on_the_invoices_of_its_customer_and_its_reseller(
    office: Office,
) -> None:
    """At 10 and at 6 cents, in the same batch: each price on the invoice of whoever is charged."""
    entity, customer = await office.found(), await office.customer()
    reseller = await office.account(entity, customer, "reseller")
    sold = await office.account(entity, customer, "sold", reseller_account_id=reseller.account_id)
    await office.rate(
        Rated(sold.account_id, NOON, OCTOBER, 100_000, "call/customer"),
        Rated(reseller.account_id, NOON, OCTOBER, 60_000, "call/reseller.1"),
    )
    for account, micros in ((sold, 100_000), (reseller, 60_000)):
        issued = await office.invoice((await office.close(account.account_id)).invoice_id)
        [line] = issued.lines
        assert (line.charge_count, line.amount.nanos) == (1, 1_000 * micros)
    digest = (await office.digest())["acme"]
    assert (digest.charge_revision_count, digest.usage_amounts[0].nanos) == (2, 160_000_000)


async def test_a_lost_invoice_is_a_gap_that_the_audit_tells(office: Office) -> None:
    """Whoever deletes an invoice behind our back leaves a hole in the numbers."""
    [first, *_] = await billed(office, 3)
    table = schema.invoice
    await office.database.write(
        lambda uow: uow.connection.execute(
            delete(table).where(table.c.invoice_id == first.invoice_id)
        )
    )
    [gap] = (await office.digest())["acme"].number_gaps
    assert "3 numbers were taken, 2 are there" in gap


async def test_a_payment_settles_the_invoice_it_names(office: Office) -> None:
    """Part of it first, then the rest."""
    [invoice] = await billed(office)
    await office.pay(invoice.account_id, 1_000_000, invoice.invoice_id)
    part = await office.invoice(invoice.invoice_id)
    assert (part.state, part.paid_amount.units) == (PARTIALLY_PAID, 1)
    await office.pay(invoice.account_id, 210_000, invoice.invoice_id)
    assert (await office.invoice(invoice.invoice_id)).state == PAID


async def test_a_payment_without_a_name_settles_the_oldest_first(office: Office) -> None:
    """1.50 pays October's 1.21 and 0.29 of November's; what exceeds both settles nothing."""
    account = await office.opened()
    ids = []
    for span in (OCTOBER, NOVEMBER):
        await office.rate(Rated(account.account_id, span.start, span, 1_000_000, "a"))
        ids.append((await office.close(account.account_id)).invoice_id)
    await office.pay(account.account_id, 1_500_000)
    october, november = [await office.invoice(each) for each in ids]
    assert (october.state, november.state) == (PAID, PARTIALLY_PAID)
    assert november.paid_amount.nanos == 290_000_000
    await office.pay(account.account_id, 5_000_000)
    november = await office.invoice(ids[1])
    assert (november.state, november.paid_amount.units) == (PAID, 1)


async def test_an_invoice_is_open_again_when_its_payment_is_taken_back(office: Office) -> None:
    """Two payments settle it; without the second one it is paid in part, and can be paid again."""
    [invoice] = await billed(office)
    await office.pay(invoice.account_id, 1_000_000)
    second = await office.pay(invoice.account_id, 5_000_000)
    assert (await office.invoice(invoice.invoice_id)).state == PAID
    await office.take_back(invoice.account_id, second)
    part = await office.invoice(invoice.invoice_id)
    assert (part.state, part.paid_amount.units) == (PARTIALLY_PAID, 1)
    await office.pay(invoice.account_id, 210_000)
    assert (await office.invoice(invoice.invoice_id)).state == PAID


async def test_an_invoice_that_is_given_up_asks_for_nothing(office: Office) -> None:
    """First a part of it, then the rest: written off, though nobody has paid."""
    [invoice] = await billed(office)
    await office.write_off(invoice.account_id, 210_000, invoice.invoice_id)
    part = await office.invoice(invoice.invoice_id)
    assert (part.state, part.open_amount.units, part.open_amount.nanos) == (ISSUED, 1, 0)
    assert part.written_off_amount.nanos == 210_000_000
    await office.write_off(invoice.account_id, 1_000_000)
    rest = await office.invoice(invoice.invoice_id)
    assert (rest.state, rest.open_amount.units, rest.paid_amount.units) == (WRITTEN_OFF, 0, 0)


async def test_a_payment_after_a_write_off_settles_only_what_is_open(office: Office) -> None:
    """What was given up of October is not paid again: the money goes to November."""
    account = await office.opened()
    ids = []
    for span in (OCTOBER, NOVEMBER):
        await office.rate(Rated(account.account_id, span.start, span, 1_000_000, "a"))
        ids.append((await office.close(account.account_id)).invoice_id)
    await office.write_off(account.account_id, 1_210_000, ids[0])
    await office.pay(account.account_id, 1_210_000)
    october, november = [await office.invoice(each) for each in ids]
    assert (october.state, november.state) == (WRITTEN_OFF, PAID)


async def test_a_debt_that_is_owed_again_opens_its_invoice(office: Office) -> None:
    """The write-off was a mistake; the customer can pay after all."""
    [invoice] = await billed(office)
    given_up = await office.write_off(invoice.account_id, 1_210_000, invoice.invoice_id)
    await office.reinstate(invoice.account_id, given_up)
    again = await office.invoice(invoice.invoice_id)
    assert (again.state, again.open_amount.units) == (ISSUED, 1)
    assert (again.written_off_amount.units, again.written_off_amount.nanos) == (0, 0)
    await office.pay(invoice.account_id, 1_210_000)
    assert (await office.invoice(invoice.invoice_id)).state == PAID


async def test_the_rate_in_force_at_the_end_of_the_period_taxes_it(office: Office) -> None:
    """A rate that begins with the first instant after October taxes November."""
    entity, customer = await office.found(), await office.customer()
    for name, points, day in (("October's", 1_000, NOON), ("November's", 2_000, OCTOBER.end)):
        rate = customer_pb2.TaxRate(
            country_code="NL",
            display_name=name,
            basis_points=points,
            effective_time=time_to_proto(day),
        )
        await office.call(office.entities.CreateTaxRate, pb.CreateTaxRateRequest(tax_rate=rate))
    account = await office.account(entity, customer)
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 1_000_000, "a"))
    invoice = await office.invoice((await office.close(account.account_id)).invoice_id)
    assert (invoice.tax_display_name, invoice.tax_amount.nanos) == ("October's", 100_000_000)


async def test_the_pdf_is_the_same_whenever_it_is_asked_for(office: Office) -> None:
    """An issued document never changes, not by a byte."""
    [invoice] = await billed(office)
    name, first, _ = await office.download(invoice.invoice_id, PDF)
    _, again, _ = await office.download(invoice.invoice_id, PDF)
    assert name == f"{invoice.number}.pdf"
    assert first == again
    assert first.startswith(b"%PDF-")


async def test_an_erased_customer_stays_on_its_issued_invoices(office: Office) -> None:
    """The law wants them kept; what the customer's own record held is gone all the same."""
    [invoice] = await billed(office)
    before = await office.download(invoice.invoice_id, PDF)
    account = await office.call(
        office.customers.GetAccount, pb.GetAccountRequest(account_id=invoice.account_id)
    )
    erase = pb.EraseCustomerRequest(customer_id=account.account.customer_id)
    await office.call(office.customers.EraseCustomer, erase)
    assert await office.download(invoice.invoice_id, PDF) == before


async def test_the_calls_as_csv_are_exact_and_complete(office: Office) -> None:
    """Every charge a row, to the micro, at the caller's local time with its offset."""
    account = await office.opened()
    await office.rate(
        Rated(account.account_id, NOON, OCTOBER, 123_457, "a"),
        Rated(account.account_id, NOON, OCTOBER, 0, "b", outcome=2, duration_ms=0, charged_ms=0),
    )
    invoice_id = (await office.close(account.account_id)).invoice_id
    _, content, _ = await office.download(invoice_id, CSV)
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert sorted(row["amount"] for row in rows) == ["0.000000", "0.123457"]
    assert {row["start_time"] for row in rows} == {"2025-10-15T12:00:00.000+02:00"}
    assert {row["account"] for row in rows} == {"A-1"}


async def test_large_documents_come_in_small_pieces(office: Office) -> None:
    """5,001 calls are more than one read of the store and more than one piece on the wire."""
    account = await office.opened()
    await office.rate(
        *[Rated(account.account_id, NOON, OCTOBER, 10_000, str(n)) for n in range(5_001)]
    )
    invoice_id = (await office.close(account.account_id)).invoice_id
    _, content, largest = await office.download(invoice_id, CSV)
    assert largest <= 256 * 1024 < len(content)
    assert content.count(b"\r\n") == 5_002
    [line] = (await office.invoice(invoice_id)).lines
    assert (line.charge_count, line.amount.units) == (5_001, 50)


async def test_the_digest_counts_up_to_a_watermark(office: Office) -> None:
    """Usage by rating's events, invoices by our own; what is later is left out."""
    [invoice] = await billed(office)
    partition = partition_of("acme", invoice.account_id)
    all_of_it = (await office.digest())["acme"]
    assert (all_of_it.charge_revision_count, all_of_it.invoice_count) == (1, 1)
    assert all_of_it.invoiced_amounts[0].nanos == 210_000_000
    nothing = (
        await office.digest(
            Watermark(producer="rating", partition=partition, sequence=0),
            Watermark(producer="invoice", partition=partition, sequence=1),
        )
    )["acme"]
    assert (nothing.charge_revision_count, nothing.invoice_count) == (0, 0)
    elsewhere = (
        await office.digest(Watermark(producer="rating", partition=(partition + 1) % 8, sequence=0))
    )["acme"]
    assert elsewhere.charge_revision_count == 1
    beyond = Watermark(producer="rating", partition=partition, sequence=2**64 - 1)
    assert (await office.digest(beyond))["acme"] == all_of_it


async def test_invoices_are_listed_newest_first(office: Office) -> None:
    """In pages, with their lines."""
    invoices = await billed(office, 3)
    first = await office.call(office.invoices.ListInvoices, pb.ListInvoicesRequest(page_size=2))
    request = pb.ListInvoicesRequest(page_size=2, page_token=first.next_page_token)
    second = await office.call(office.invoices.ListInvoices, request)
    listed = [*first.invoices, *second.invoices]
    assert [each.issue_time.ToNanoseconds() for each in listed] == sorted(
        (each.issue_time.ToNanoseconds() for each in invoices), reverse=True
    )
    assert all(len(each.lines) == 1 for each in listed)
    assert not second.next_page_token


@pytest.mark.parametrize(
    ("currency", "micros", "net"), [("JPY", 1_500_000, 2_000_000), ("BHD", 1_234_500, 1_235_000)]
)
async def test_the_minor_unit_is_the_currencys_own(
    office: Office, currency: str, micros: int, net: int
) -> None:
    """Yen has no decimals, the dinar of Bahrain three."""
    account = await office.opened(currency_code=currency)
    await office.rate(Rated(account.account_id, NOON, OCTOBER, micros, "a", currency=currency))
    invoice = await office.invoice((await office.close(account.account_id)).invoice_id)
    amount = invoice.net_amount
    assert amount.units * 10**6 + amount.nanos // 1_000 == net
    assert amount.currency_code == currency

"""Two tenants that look alike: nothing of one reaches the other."""

import pytest

from kernel.errors import DomainError
from tests.conformance.invoice.office import NOON, OCTOBER, Office
from tests.conformance.invoice.rating_book import Rated
from tollbook.invoice.v1 import invoice_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1.invoice_pb2 import BillingPeriod


async def test_two_tenants_with_the_same_codes_keys_and_prefixes(office: Office) -> None:
    """Same account code, same invoice prefix, same call key and start, each its own invoice 1."""
    acme = await office.opened()
    globex_office = office.of("globex")
    globex = await globex_office.opened()
    await office.rate(Rated(acme.account_id, NOON, OCTOBER, 1_000_000, "same key"))
    await globex_office.rate(
        Rated(globex.account_id, NOON, OCTOBER, 2_000_000, "same key", tenant="globex")
    )
    first = await office.close(acme.account_id)
    second = await globex_office.close(globex.account_id)
    assert first.state == second.state == BillingPeriod.STATE_INVOICED
    mine = await office.invoice(first.invoice_id)
    theirs = await globex_office.invoice(second.invoice_id)
    assert mine.number == theirs.number
    assert (mine.lines[0].amount.units, theirs.lines[0].amount.units) == (1, 2)
    digests = await office.digest()
    assert digests["acme"].usage_amounts[0].units == 1
    assert digests["globex"].usage_amounts[0].units == 2


async def test_even_accounts_of_one_id_stay_apart(office: Office) -> None:
    """Creators choose ids: the same in both tenants must not join their usage."""
    acme = await office.opened()
    other = office.of("globex")
    globex = await other.opened(account_id=acme.account_id)
    assert globex.account_id == acme.account_id
    await office.rate(Rated(acme.account_id, NOON, OCTOBER, 1_000_000, "a"))
    await other.rate(Rated(globex.account_id, NOON, OCTOBER, 2_000_000, "a", tenant="globex"))
    mine = await office.close(acme.account_id)
    assert (mine.usage_amount.units, mine.charge_count) == (1, 1)
    await office.pay(acme.account_id, 500_000)
    theirs = await other.invoice((await other.close(globex.account_id)).invoice_id)
    assert theirs.state == invoice_pb2.Invoice.STATE_ISSUED


async def test_what_another_tenant_has_is_not_there(office: Office) -> None:
    """Reads, lists, ends, closes and downloads of another tenant's find nothing."""
    account = await office.opened()
    line = await office.line(account.account_id, "ada", NOON)
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 1_000_000, "a"))
    invoice_id = (await office.close(account.account_id)).invoice_id
    spy = office.of("globex")
    await spy.found()
    with pytest.raises(DomainError, match="ACCOUNT_NOT_FOUND"):
        await spy.close(account.account_id)
    with pytest.raises(DomainError, match="ACCOUNT_NOT_FOUND"):
        await spy.line(account.account_id, "spy", NOON)
    with pytest.raises(DomainError, match="INVOICE_NOT_FOUND"):
        await spy.invoice(invoice_id)
    with pytest.raises(DomainError, match="INVOICE_NOT_FOUND"):
        await spy.download(invoice_id, invoice_pb2.DOCUMENT_KIND_PDF)
    request = pb.GetCustomerRequest(customer_id=account.customer_id)
    with pytest.raises(DomainError, match="CUSTOMER_NOT_FOUND"):
        await spy.call(spy.customers.GetCustomer, request)
    end = pb.EndLineRequest(line_id=line.line_id, end_time=line.validity.start_time)
    with pytest.raises(DomainError, match="LINE_NOT_FOUND"):
        await spy.call(spy.customers.EndLine, end)
    listed = await spy.call(spy.invoices.ListInvoices, pb.ListInvoicesRequest())
    assert not listed.invoices
    accounts = await spy.call(spy.customers.ListAccounts, pb.ListAccountsRequest(code="A-1"))
    assert not accounts.accounts


async def test_an_identifier_may_belong_to_a_line_of_each_tenant(office: Office) -> None:
    """SIP users are the tenant's own names."""
    mine = await office.opened()
    other = office.of("globex")
    theirs = await other.opened()
    await office.line(mine.account_id, "ada", NOON)
    line = await other.line(theirs.account_id, "ada", NOON)
    assert line.account_id == theirs.account_id

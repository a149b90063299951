"""Closing a period when it is asked twice, breaks off or is asked by many at once."""

import asyncio
from datetime import UTC

import pytest

from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.invoice.usecases.close_billing_period import seal_oldest_period
from services.invoice.usecases.seal_period import Closing
from tests.conformance.invoice.office import NOON, OCTOBER, Office
from tests.conformance.invoice.rating_book import Rated
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1.invoice_events_pb2 import InvoiceIssued
from tollbook.invoice.v1.invoice_pb2 import BillingPeriod


async def test_a_repeated_request_gets_the_first_answer(office: Office) -> None:
    """Even when the invoice has come in between."""
    account = await office.opened()
    late = office.event(
        office.book.charge(Rated(account.account_id, NOON, OCTOBER, 200_000, "b")),
        account.account_id,
    )
    request = pb.CloseBillingPeriodRequest(account_id=account.account_id)
    first = await office.call(office.invoices.CloseBillingPeriod, request)
    await office.deliver(late)
    again = await office.call(office.invoices.CloseBillingPeriod, request)
    assert again == first
    assert again.billing_period.state == BillingPeriod.STATE_SEALED


@pytest.mark.parametrize("answered", [0, 1, 2])
async def test_closing_goes_on_where_rating_went_away(office: Office, answered: int) -> None:
    """Two fees and a seal are asked of rating; whichever fails, asking again makes one invoice."""
    account = await office.opened()
    await office.subscribe(account.account_id, OCTOBER.start, NOON)
    await office.subscribe(account.account_id, NOON)
    office.book.fails_after = answered
    with pytest.raises(DomainError) as failure:
        await office.close(account.account_id)
    assert failure.value.kind.value == "UNAVAILABLE"
    office.book.fails_after = None
    await office.close(account.account_id)
    await office.deliver_fees()
    [(event, _, _)] = await office.published(InvoiceIssued)
    assert event.usage_amount.units == 50
    assert len(office.book.fees) == 2


async def test_a_crash_after_the_seal_is_repaired_in_the_background(office: Office) -> None:
    """The seal is stored, nobody asks again, no event comes: the invoice is issued all the same."""
    account = await office.opened()
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 100_000, "a"))
    closing = Closing(office.tenant, account.account_id, None, new_uuid())
    await seal_oldest_period(office.database, office.rating, closing)
    assert await office.published(InvoiceIssued) == []
    await office.complete()
    await office.complete()
    [(event, _, _)] = await office.published(InvoiceIssued)
    assert event.number.endswith("-000001")


async def test_a_request_repeated_after_a_crash_closes_no_further_period(office: Office) -> None:
    """It had sealed October, which was completed meanwhile: it is told so, and November is open."""
    account = await office.opened()
    request = pb.CloseBillingPeriodRequest(account_id=account.account_id, request_id=new_uuid())
    closing = Closing(office.tenant, account.account_id, None, request.request_id)
    await seal_oldest_period(office.database, office.rating, closing)
    await office.complete()
    answer = await office.call(office.invoices.CloseBillingPeriod, request)
    assert answer.billing_period.span.start_time.ToDatetime(UTC) == OCTOBER.start
    assert answer.billing_period.state == BillingPeriod.STATE_CLOSED_EMPTY
    assert len(office.book.seals) == 1


async def test_of_many_who_close_at_once_the_invoice_is_issued_once(office: Office) -> None:
    """Operators who name October, a background task, and the event that brings its last call."""
    account = await office.opened()
    charge = Rated(account.account_id, NOON, OCTOBER, 100_000, "a")
    event = office.event(office.book.charge(charge), account.account_id)
    await asyncio.gather(
        *[office.close(account.account_id, OCTOBER.start) for _ in range(5)],
        *[office.complete() for _ in range(3)],
        office.deliver(event),
    )
    await office.complete()
    [(issued, _, _)] = await office.published(InvoiceIssued)
    assert issued.number.endswith("-000001")

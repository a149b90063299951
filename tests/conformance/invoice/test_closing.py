"""A period on its way from use to an invoice."""

import pytest

from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.conformance.invoice.office import NOON, NOVEMBER, OCTOBER, Office
from tests.conformance.invoice.rating_book import UNRATED, ZERO, Rated, batch
from tollbook.invoice.v1 import customer_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1.invoice_events_pb2 import InvoiceIssued
from tollbook.invoice.v1.invoice_pb2 import BillingPeriod


async def test_a_period_whose_usage_is_here_is_invoiced_at_once(office: Office) -> None:
    """Two calls of 0.105 and 0.20 make 0.305, net 0.31, tax 0.07: 0.38."""
    account = await office.opened()
    await office.rate(
        Rated(account.account_id, NOON, OCTOBER, 105_000, "a"),
        Rated(account.account_id, NOON, OCTOBER, 200_000, "b"),
    )
    period = await office.close(account.account_id)
    assert period.state == BillingPeriod.STATE_INVOICED
    invoice = await office.invoice(period.invoice_id)
    assert invoice.number.startswith("NL-")
    assert invoice.number.endswith("-000001")
    [line] = invoice.lines
    assert (line.charge_count, line.charged_duration_ms, line.amount.nanos) == (
        2,
        240_000,
        305_000_000,
    )
    assert invoice.net_amount.nanos == 310_000_000
    assert invoice.tax_amount.nanos == 70_000_000
    assert invoice.total_amount.nanos == 380_000_000
    assert invoice.rounding_difference.nanos == 5_000_000


async def test_an_issued_invoice_is_announced_with_what_the_ledger_posts(office: Office) -> None:
    """Usage leaves unbilled, the total becomes receivable, the difference is the rounding."""
    account = await office.opened()
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 105_000, "a"))
    period = await office.close(account.account_id)
    [(event, _, tenant)] = await office.published(InvoiceIssued)
    assert (event.invoice_id, tenant) == (period.invoice_id, "acme")
    assert event.usage_amount.nanos + event.rounding_difference.nanos == event.net_amount.nanos
    assert event.net_amount.nanos + event.tax_amount.nanos == event.total_amount.nanos


async def test_usage_on_its_way_is_awaited(office: Office) -> None:
    """Rating has sealed two calls, one is here: the invoice follows with the other."""
    account = await office.opened()
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 100_000, "a"))
    late = office.event(
        office.book.charge(Rated(account.account_id, NOON, OCTOBER, 200_000, "b")),
        account.account_id,
    )
    assert (await office.close(account.account_id)).state == BillingPeriod.STATE_SEALED
    assert await office.published(InvoiceIssued) == []
    await office.deliver(late)
    [(event, _, _)] = await office.published(InvoiceIssued)
    assert event.usage_amount.nanos == 300_000_000


async def test_usage_that_only_looks_complete_is_not_invoiced(office: Office) -> None:
    """Count and sum agree with the seal, but they are other calls: the digest tells."""
    account = await office.opened()
    office.book.charge(Rated(account.account_id, NOON, OCTOBER, 100_000, "sealed"))
    other = Rated(account.account_id, NOON, OCTOBER, 100_000, "other")
    await office.deliver(office.event(batch([other]), account.account_id))
    assert (await office.close(account.account_id)).state == BillingPeriod.STATE_SEALED
    await office.complete()
    assert await office.published(InvoiceIssued) == []


async def test_more_usage_than_was_sealed_is_never_invoiced_in_silence(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """The sealed call is here and another beside it: the period waits, and the log tells."""
    account = await office.opened()
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 100_000, "sealed"))
    more = batch([Rated(account.account_id, NOON, OCTOBER, 50_000, "not sealed")])
    await office.deliver(office.event(more, account.account_id))
    assert (await office.close(account.account_id)).state == BillingPeriod.STATE_SEALED
    assert "usage differs from seal" in caplog.text
    assert await office.published(InvoiceIssued) == []


async def test_usage_that_no_invoice_could_hold_is_refused(office: Office) -> None:
    """Dollars of a euro account, calls of an account that is not here: dead letters, not sums."""
    account = await office.opened()
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        await office.rate(Rated(account.account_id, NOON, OCTOBER, 1, "a", currency="USD"))
    with pytest.raises(DomainError, match="ACCOUNT_NOT_FOUND"):
        await office.rate(Rated(new_uuid(), NOON, OCTOBER, 1, "b"))
    request = pb.ListBillingPeriodsRequest()
    [period] = (await office.call(office.invoices.ListBillingPeriods, request)).billing_periods
    assert (period.account_id, period.charge_count) == (account.account_id, 0)


async def test_fees_are_asked_for_the_part_that_a_subscription_covers(office: Office) -> None:
    """A subscription that begins in the middle of October covers the rest of it."""
    account = await office.opened()
    await office.subscribe(account.account_id, NOON)
    await office.close(account.account_id)
    [request] = office.book.fee_requests
    assert request.covered_period.start_time.ToDatetime().day == 15
    assert request.covered_period.end_time == request.billing_period.end_time


async def test_a_payer_is_invoiced_for_those_it_pays_for(office: Office) -> None:
    """Calls and fees of a branch are on the invoice of its head office."""
    head = await office.opened()
    branch = await office.account(
        customer_pb2.LegalEntity(legal_entity_id=head.legal_entity_id),
        customer_pb2.Customer(customer_id=head.customer_id),
        "A-2",
        payer_account_id=head.account_id,
    )
    await office.rate(
        Rated(branch.account_id, NOON, OCTOBER, 100_000, "a", payer=head.account_id),
        Rated(head.account_id, NOON, OCTOBER, 200_000, "b"),
    )
    with pytest.raises(DomainError, match="ACCOUNT_IS_PAID_BY_ANOTHER"):
        await office.close(branch.account_id)
    period = await office.close(head.account_id)
    assert period.usage_amount.nanos == 300_000_000
    assert period.state == BillingPeriod.STATE_INVOICED


async def test_a_period_without_amounts_is_closed_without_an_invoice(office: Office) -> None:
    """An unanswered call costs nothing; the period after it is open at once."""
    account = await office.opened()
    await office.rate(
        Rated(account.account_id, NOON, OCTOBER, 0, "a", outcome=ZERO, duration_ms=0, charged_ms=0)
    )
    first = await office.close(account.account_id)
    second = await office.close(account.account_id)
    assert first.state == second.state == BillingPeriod.STATE_CLOSED_EMPTY
    assert (first.charge_count, second.charge_count) == (1, 0)
    assert second.span.start_time == first.span.end_time
    assert await office.published(InvoiceIssued) == []


async def test_prepaid_usage_is_not_demanded_again(office: Office) -> None:
    """The wallet paid when the call was charged: the period closes with its usage shown."""
    account = await office.opened(payment_mode=customer_pb2.PAYMENT_MODE_PREPAID)
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 100_000, "a"))
    period = await office.close(account.account_id)
    assert period.state == BillingPeriod.STATE_CLOSED_EMPTY
    assert period.usage_amount.nanos == 100_000_000
    assert await office.published(InvoiceIssued) == []


async def test_a_call_that_became_known_late_is_a_correction_of_the_next_period(
    office: Office,
) -> None:
    """October is closed; its late call stands on November's invoice, apart."""
    account = await office.opened()
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 100_000, "a"))
    await office.close(account.account_id)
    await office.rate(
        Rated(account.account_id, NOON, NOVEMBER, 300_000, "late", correction=True),
        Rated(account.account_id, NOVEMBER.start, NOVEMBER, 200_000, "b"),
    )
    period = await office.close(account.account_id)
    lines = (await office.invoice(period.invoice_id)).lines
    assert [(line.amount.nanos, line.correction) for line in lines] == [
        (200_000_000, False),
        (300_000_000, True),
    ]


async def test_a_call_priced_twice_is_one_call(office: Office) -> None:
    """Revision 2 takes 0.30 off what revision 1 has charged; the line counts one call."""
    account = await office.opened()
    first = Rated(account.account_id, NOON, OCTOBER, 500_000, "a")
    await office.rate(first)
    await office.rate(first.revised(micros=-300_000, usage_line="Netherlands - fixed"))
    period = await office.close(account.account_id)
    assert period.charge_count == 2
    [line] = (await office.invoice(period.invoice_id)).lines
    assert (line.usage_line, line.charge_count, line.amount.nanos) == (
        "Netherlands - fixed",
        1,
        200_000_000,
    )


async def test_corrections_that_outweigh_the_usage_make_a_credit(office: Office) -> None:
    """It has a number and a tax like any other, asks for nothing and is not open."""
    account = await office.opened()
    await office.rate(Rated(account.account_id, NOON, OCTOBER, -10_000_000, "a"))
    invoice = await office.invoice((await office.close(account.account_id)).invoice_id)
    assert (invoice.total_amount.units, invoice.total_amount.nanos) == (-12, -100_000_000)
    assert invoice.state == 3


async def test_unrated_calls_are_not_usage(office: Office) -> None:
    """They have no amount yet and are no part of the seal."""
    account = await office.opened()
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 0, "a", outcome=UNRATED))
    period = await office.close(account.account_id)
    assert (period.state, period.charge_count) == (BillingPeriod.STATE_CLOSED_EMPTY, 0)


async def test_usage_of_a_closed_period_is_refused(office: Office) -> None:
    """Rating would have broken its seal: the event becomes a dead letter, nothing is lost."""
    account = await office.opened()
    await office.close(account.account_id)
    late = Rated(account.account_id, NOON, OCTOBER, 100_000, "a")
    with pytest.raises(DomainError, match="USAGE_AFTER_SEAL"):
        await office.rate(late)


async def test_an_event_delivered_twice_counts_once(office: Office) -> None:
    """At-least-once delivery, exactly-once effect."""
    account = await office.opened()
    row = Rated(account.account_id, NOON, OCTOBER, 100_000, "a")
    event = office.event(office.book.charge(row), account.account_id)
    await office.deliver(event)
    await office.deliver(event)
    period = await office.close(account.account_id)
    assert (period.state, period.charge_count) == (BillingPeriod.STATE_INVOICED, 1)


async def test_a_period_that_runs_cannot_be_closed(office: Office) -> None:
    """Calls of it can still begin."""
    entity, customer = await office.found(), await office.customer()
    account = await office.account(entity, customer, start_time=None)
    with pytest.raises(DomainError, match="PERIOD_NOT_OVER"):
        await office.close(account.account_id)


async def test_periods_close_one_after_the_other(office: Office) -> None:
    """November cannot be closed before October; October, once closed, answers what it became."""
    account = await office.opened()
    with pytest.raises(DomainError, match="PERIOD_NOT_OLDEST"):
        await office.close(account.account_id, NOVEMBER.start)
    await office.close(account.account_id, OCTOBER.start)
    again = await office.close(account.account_id, OCTOBER.start)
    assert again.state == BillingPeriod.STATE_CLOSED_EMPTY
    assert len(office.book.seals) == 1


async def test_a_country_without_a_tax_rate_is_told_before_anything_is_sealed(
    office: Office,
) -> None:
    """'No tax' is said by a rate of zero, never by silence."""
    await office.found()
    request = pb.CreateLegalEntityRequest(
        legal_entity=customer_pb2.LegalEntity(
            code="de", display_name="DE GmbH", country_code="DE", invoice_prefix="DE"
        )
    )
    answer = await office.call(office.entities.CreateLegalEntity, request)
    account = await office.account(answer.legal_entity, await office.customer())
    with pytest.raises(DomainError, match="NO_TAX_RATE"):
        await office.close(account.account_id)
    assert office.book.seals == {}

"""Numbers, days and states of invoices."""

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.invoice.domain.invoice import InvoiceNumber, InvoiceState, OpenInvoice, allocate
from tests.unit.invoice.builders import charge, document


def test_a_number_tells_the_legal_entity_and_the_year() -> None:
    """A series that outgrows its digits goes on."""
    assert str(InvoiceNumber("NL", 2026, 42)) == "NL-2026-000042"
    assert str(InvoiceNumber("NL", 2026, 1_234_567)) == "NL-2026-1234567"


def test_the_day_of_issue_is_the_accounts_own() -> None:
    """Half past eleven at night in London is the next day in Amsterdam, and due 14 days later."""
    late = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    invoice = replace(document([charge()]).invoice, issue_time=late)
    assert invoice.issue_date == date(2026, 11, 1)
    assert invoice.due_date == date(2026, 11, 15)


def test_an_invoice_is_paid_when_all_of_it_is() -> None:
    """Tax included."""
    invoice = document([charge(micros=1_000_000)]).invoice
    assert invoice.state is InvoiceState.ISSUED
    assert replace(invoice, paid_micros=1_000_000).state is InvoiceState.PARTIALLY_PAID
    assert replace(invoice, paid_micros=1_210_000).state is InvoiceState.PAID


def test_what_is_given_up_is_no_longer_asked_for() -> None:
    """In part less is open; when nothing is left, it shows as written off, not as paid."""
    invoice = document([charge(micros=1_000_000)]).invoice
    part = replace(invoice, written_off_micros=210_000)
    assert (part.state, part.open_micros) == (InvoiceState.ISSUED, 1_000_000)
    rest = replace(part, paid_micros=1_000_000)
    assert (rest.state, rest.open_micros) == (InvoiceState.WRITTEN_OFF, 0)


def test_a_credit_asks_for_nothing() -> None:
    """It is settled when it is issued."""
    invoice = document([charge(micros=-1_000_000)]).invoice
    assert invoice.is_credit
    assert (invoice.state, invoice.open_micros) == (InvoiceState.PAID, 0)


@given(st.integers(1, 10_000), st.lists(st.integers(1, 3_000), max_size=6), st.integers(0, 6))
def test_a_payment_is_never_spent_twice_nor_an_invoice_paid_twice(
    paid: int, remaining: list[int], named: int
) -> None:
    """What is allocated is within the payment and within each invoice; nothing useful is left."""
    waiting = [OpenInvoice(str(place), micros) for place, micros in enumerate(remaining)]
    allocations = dict(allocate(paid, str(named), waiting))
    assert all(0 < allocations[key] <= remaining[int(key)] for key in allocations)
    assert sum(allocations.values()) == min(paid, sum(remaining))
    if named < len(remaining):
        assert allocations[str(named)] == min(paid, remaining[named])

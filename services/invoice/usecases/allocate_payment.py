"""A payment settles invoices, the one the payer named, then the oldest; or is taken back."""

import logging
from dataclasses import dataclass
from datetime import datetime

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.invoice.domain.invoice import allocate
from services.invoice.store import accounts, payments

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that the ledger has received from an account, and the event that told of it."""

    payment_id: str
    account_id: str
    amount: Money
    named_invoice_id: str
    settle_time: datetime
    source: tuple[int, int]


def allocate_payment(uow: UnitOfWork, tenant_id: str, payment: Payment) -> None:
    """Note what the payment settles; the rest is the account's credit, which the ledger holds."""
    # Two payments of one account must not both settle the same invoice.
    accounts.lock_account(uow.connection, tenant_id, payment.account_id)
    waiting = payments.open_invoices(
        uow.connection, tenant_id, payment.account_id, payment.amount.currency
    )
    allocations = allocate(payment.amount.micros, payment.named_invoice_id, waiting)
    payments.insert_allocations(
        uow.connection,
        tenant_id,
        payment.payment_id,
        payment.settle_time,
        payment.source,
        allocations,
    )
    left = payment.amount.micros - sum(micros for _, micros in allocations)
    if left:
        _logger.info("payment %s: %s micros settle no invoice", payment.payment_id, left)


@dataclass(frozen=True, slots=True)
class Reversal:
    """A payment that the ledger has taken back, and the event that told of it."""

    adjustment_id: str
    payment_id: str
    account_id: str
    reverse_time: datetime
    source: tuple[int, int]


def reverse_payment(uow: UnitOfWork, tenant_id: str, reversal: Reversal) -> None:
    """Open the invoices again that a payment had settled; what was noted stays."""
    accounts.lock_account(uow.connection, tenant_id, reversal.account_id)
    settled = payments.allocations_of(uow.connection, tenant_id, reversal.payment_id)
    payments.insert_allocations(
        uow.connection,
        tenant_id,
        reversal.adjustment_id,
        reversal.reverse_time,
        reversal.source,
        [(invoice_id, -micros) for invoice_id, micros in settled],
    )

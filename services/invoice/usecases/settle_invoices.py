"""Payments and write-offs settle invoices, the named one, then the oldest; or are taken back."""

import logging

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.invoice.domain.invoice import allocate
from services.invoice.store import accounts, settlements
from services.invoice.store.settlements import Settled

_logger = logging.getLogger(__name__)


def settle_invoices(
    uow: UnitOfWork,
    tenant_id: str,
    account_id: str,
    amount: Money,
    named_invoice_id: str,
    settled: Settled,
) -> None:
    """Note what an amount settles; the rest is the account's credit, which the ledger holds."""
    # Two payments of one account must not both settle the same invoice.
    accounts.lock_account(uow.connection, tenant_id, account_id)
    waiting = settlements.open_invoices(uow.connection, tenant_id, account_id, amount.currency)
    allocations = allocate(amount.micros, named_invoice_id, waiting)
    settlements.insert_allocations(uow.connection, tenant_id, settled, allocations)
    left = amount.micros - sum(micros for _, micros in allocations)
    if left:
        _logger.info("%s: %s micros settle no invoice", settled.settlement_id, left)


def take_back(
    uow: UnitOfWork, tenant_id: str, account_id: str, settlement_id: str, reversal: Settled
) -> None:
    """Open the invoices again that something had settled; what was noted stays."""
    accounts.lock_account(uow.connection, tenant_id, account_id)
    settled = settlements.allocations_of(uow.connection, tenant_id, settlement_id)
    turned = [(invoice_id, -micros) for invoice_id, micros in settled]
    settlements.insert_allocations(uow.connection, tenant_id, reversal, turned)

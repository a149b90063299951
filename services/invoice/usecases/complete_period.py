"""The second half of closing: once a sealed period's usage is all here, it becomes an invoice."""

import logging
from dataclasses import replace

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import new_uuid
from kernel.money import Money
from services.invoice.domain.account import Account, PaymentMode
from services.invoice.domain.billing_period import (
    BillingPeriod,
    PeriodState,
    Seal,
    UsageSum,
    period_key,
)
from services.invoice.domain.invoice import (
    Invoice,
    InvoiceNumber,
    invoice_amounts,
    local_date,
)
from services.invoice.domain.resources import LegalEntity
from services.invoice.domain.tax import TaxRate
from services.invoice.domain.usage import invoice_lines, usage_digest
from services.invoice.store import directory, documents, invoices, periods, usage
from services.invoice.store.vault import Vault
from services.invoice.usecases import announce
from services.invoice.usecases.load import load_account, load_customer

_logger = logging.getLogger(__name__)


def complete_period(
    uow: UnitOfWork, vault: Vault, tenant_id: str, period: BillingPeriod
) -> BillingPeriod:
    """Close a sealed period if its usage is what the seal says; otherwise leave it as it is.

    May be called at any time and by anybody at once: the period's row is locked, and what is closed
    stays closed. A period without a tax rate stays sealed until there is one.
    """
    key = (period.account_id, period.span)
    [locked] = periods.lock_periods(uow.connection, tenant_id, [key])
    if locked.state is not PeriodState.SEALED or not _is_complete(uow, tenant_id, locked):
        return locked
    account = load_account(uow.connection, tenant_id, locked.account_id)
    closed = _close(uow, vault, tenant_id, locked, account)
    periods.update_period(uow.connection, tenant_id, closed)
    return closed


def _is_complete(uow: UnitOfWork, tenant_id: str, period: BillingPeriod) -> bool:
    key = period_key(tenant_id, period.account_id, period.span.start)
    here = usage.usage_sums(uow.connection, tenant_id, [key]).get(key, UsageSum())
    seal = _seal_of(period)
    # Counting is cheap and usually tells; the digest is only worth its time in the end.
    if here.charge_count < seal.usage.charge_count:
        return False
    is_sealed_usage = here == seal.usage and seal.digest == usage_digest(
        usage.revisions(uow.connection, tenant_id, key)
    )
    if not is_sealed_usage:
        _logger.error("usage differs from seal %s: compare rating's charges", seal.seal_id)
    return is_sealed_usage


def _close(
    uow: UnitOfWork, vault: Vault, tenant_id: str, period: BillingPeriod, account: Account
) -> BillingPeriod:
    # Prepaid usage was paid from the wallet when it was charged: there is nothing to demand.
    if account.payment_mode is PaymentMode.PREPAID or not _seal_of(period).usage.micros:
        return replace(period, state=PeriodState.CLOSED_EMPTY)
    entity = directory.find_legal_entity(uow.connection, tenant_id, account.legal_entity_id)
    assert entity is not None, "accounts are only made for legal entities that are there"
    rate = directory.find_tax_rate(uow.connection, tenant_id, entity.country_code, period.span.end)
    if rate is None:
        _logger.warning("%s has no tax rate: period stays sealed", entity.country_code)
        return period
    invoice = _draft(uow, tenant_id, period, account, entity, rate)
    customer = load_customer(uow.connection, vault, tenant_id, account.customer_id)
    parties = documents.parties_at_issue(
        uow.connection, vault, tenant_id, invoice.invoice_id, entity, customer
    )
    issued = announce.invoice_issued(uow, tenant_id, invoice)
    invoices.insert_invoice(uow.connection, tenant_id, invoice, parties, issued)
    return replace(period, state=PeriodState.INVOICED, invoice_id=invoice.invoice_id)


def _draft(
    uow: UnitOfWork,
    tenant_id: str,
    period: BillingPeriod,
    account: Account,
    entity: LegalEntity,
    rate: TaxRate,
) -> Invoice:
    key = period_key(tenant_id, account.account_id, period.span.start)
    amounts = invoice_amounts(Money(account.currency, _seal_of(period).usage.micros), rate)
    invoice = Invoice(
        invoice_id=new_uuid(),
        number=_take_number(uow, tenant_id, entity, account),
        legal_entity_id=entity.legal_entity_id,
        account_id=account.account_id,
        account_code=account.code,
        time_zone=account.time_zone,
        span=period.span,
        issue_time=uow.now,
        amounts=amounts,
        tax_display_name=rate.display_name,
        tax_basis_points=rate.basis_points,
        lines=invoice_lines(usage.charges(uow.connection, tenant_id, key)),
    )
    assert sum(line.micros for line in invoice.lines) == amounts.usage.micros
    return invoice


def _take_number(
    uow: UnitOfWork, tenant_id: str, entity: LegalEntity, account: Account
) -> InvoiceNumber:
    """The next of the series of the year on the invoice, held until this transaction commits."""
    year = local_date(uow.now, account.time_zone).year
    sequence = invoices.next_sequence(uow.connection, tenant_id, entity.legal_entity_id, year)
    return InvoiceNumber(entity.invoice_prefix, year, sequence)


def _seal_of(period: BillingPeriod) -> Seal:
    assert period.seal is not None, "a sealed period has a seal"
    return period.seal

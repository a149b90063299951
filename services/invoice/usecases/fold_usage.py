"""Charge revisions that rating has settled become usage of the periods that rating has chosen."""

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import CurrencyMismatch
from services.invoice.domain.billing_period import PeriodState
from services.invoice.domain.errors import not_found, usage_after_seal
from services.invoice.domain.usage import UsageBatch
from services.invoice.store import accounts, periods, usage
from services.invoice.store.vault import Vault
from services.invoice.usecases.complete_period import complete_period


def fold_usage(uow: UnitOfWork, vault: Vault, tenant_id: str, batch: UsageBatch) -> None:
    """Add a batch to its periods, then close those that only waited for it.

    Raises USAGE_AFTER_SEAL for a period that is closed: rating would have broken its seal;
    ACCOUNT_NOT_FOUND, CURRENCY_MISMATCH for usage that no invoice of ours could hold.
    """
    if not batch.rows:
        return
    _check_accounts(uow, tenant_id, batch)
    periods.ensure_periods(uow.connection, tenant_id, batch.spans)
    touched = periods.lock_periods(uow.connection, tenant_id, batch.spans)
    for period in touched:
        if period.state.is_closed:
            raise usage_after_seal(period.account_id, period.span.start)
    usage.insert_usage(uow.connection, batch.rows)
    for period in touched:
        if period.state is PeriodState.SEALED:
            complete_period(uow, vault, tenant_id, period)


def _check_accounts(uow: UnitOfWork, tenant_id: str, batch: UsageBatch) -> None:
    payers = {payer_id for payer_id, _ in batch.currencies}
    known = accounts.find_accounts(uow.connection, tenant_id, payers)
    for payer_id, currency in sorted(batch.currencies):
        if payer_id not in known:
            raise not_found("account", payer_id)
        if known[payer_id].currency != currency:
            raise CurrencyMismatch(known[payer_id].currency, currency)

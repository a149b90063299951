"""Charge revisions that rating has settled become usage of the periods that rating has chosen."""

from collections.abc import Mapping

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
    if not batch.spans:
        return
    _check_accounts(uow, tenant_id, batch)
    states = _lock_states(uow, tenant_id, batch)
    for key, state in states.items():
        if state.is_closed:
            account_id, span = batch.spans[key]
            raise usage_after_seal(account_id, span.start)
    usage.insert_usage(uow.connection, batch.rows)
    waiting = [batch.spans[key] for key, state in states.items() if state is PeriodState.SEALED]
    if waiting:
        for period in periods.lock_periods(uow.connection, tenant_id, waiting):
            complete_period(uow, vault, tenant_id, period)


def _check_accounts(uow: UnitOfWork, tenant_id: str, batch: UsageBatch) -> None:
    payers = {payer_id for payer_id, _ in batch.currencies}
    known = accounts.find_currencies(uow.connection, tenant_id, payers)
    for payer_id, currency in sorted(batch.currencies):
        if payer_id not in known:
            raise not_found("account", payer_id)
        if known[payer_id] != currency:
            raise CurrencyMismatch(known[payer_id], currency)


def _lock_states(uow: UnitOfWork, tenant_id: str, batch: UsageBatch) -> Mapping[bytes, PeriodState]:
    """How far the periods have come, which are opened where they are not there yet."""
    states = periods.lock_states(uow.connection, tenant_id, batch.spans)
    if len(states) == len(batch.spans):
        return states
    periods.ensure_periods(uow.connection, tenant_id, batch.spans.values())
    return periods.lock_states(uow.connection, tenant_id, batch.spans)

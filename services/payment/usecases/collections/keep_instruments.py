"""Keeps the payment instruments of accounts."""

from collections.abc import Collection

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import new_uuid
from kernel.partition import partition_of
from services.payment.domain.collections.gateway import InstrumentDetails
from services.payment.domain.collections.payment_instrument import (
    InstrumentReference,
    PaymentInstrument,
)
from services.payment.store.accounts import account_of
from services.payment.store.journal import take_turns
from services.payment.store.payment_instruments import (
    get_instrument,
    insert_instrument,
    remove_instrument,
    remove_instruments,
)
from services.payment.store.top_up_policies import remove_top_up


def attach_instrument(
    unit_of_work: UnitOfWork,
    tenant_id: str,
    account_id: str,
    reference: InstrumentReference,
    details: InstrumentDetails,
) -> PaymentInstrument:
    """Keep an instrument that its gateway has told of.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, INSTRUMENT_EXISTS.
    """
    account_of(unit_of_work.connection, tenant_id, account_id).require_payer()
    instrument = PaymentInstrument(
        tenant_id, new_uuid(), account_id, reference, details, unit_of_work.now
    )
    insert_instrument(unit_of_work.connection, instrument)
    return instrument


def detach_instrument(unit_of_work: UnitOfWork, tenant_id: str, instrument_id: str) -> None:
    """Forget an instrument. Raises INSTRUMENT_NOT_FOUND, INSTRUMENT_IN_USE."""
    connection = unit_of_work.connection
    instrument = get_instrument(connection, tenant_id, instrument_id)
    account = account_of(connection, tenant_id, instrument.account_id)
    # Who names an instrument does it in this turn.
    take_turns(connection, [account.chain.partition])
    remove_instrument(connection, instrument)


def forget_instruments(
    unit_of_work: UnitOfWork, tenant_id: str, account_ids: Collection[str]
) -> None:
    """Forget all instruments of accounts, and what would top them up from these.

    What is pending goes on where the gateway knows of it.
    """
    if not account_ids:
        return
    connection = unit_of_work.connection
    take_turns(connection, turns_of(tenant_id, account_ids))
    for account_id in account_ids:
        remove_top_up(connection, tenant_id, account_id)
        remove_instruments(connection, tenant_id, account_id)


def turns_of(tenant_id: str, account_ids: Collection[str]) -> set[int]:
    """The partitions of accounts; who has instruments pays for itself."""
    return {partition_of(tenant_id, account_id) for account_id in account_ids}

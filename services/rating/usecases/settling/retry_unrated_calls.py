"""Trying calls without a price again: on request, and whenever something that was missing comes."""

from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.charges.settlement import InputKind
from services.rating.store.charges import NO_EVENT, lock_charges
from services.rating.store.pricing_lock import wait_for_pricing
from services.rating.store.retries import join_retries, next_retry, note_retried
from services.rating.store.unrated import FIRST, read_unrated, waiting_charges
from services.rating.usecases.settling.lock_calls import CallsToLock, lock_calls
from services.rating.usecases.settling.settle_calls import settle_calls
from services.rating.usecases.tariffs import Tariffs

CALLS_PER_TRANSACTION_MAX = 1_000


class RetriedPart(NamedTuple):
    """What became of a part of the calls; `last` is where the next part starts after."""

    priced: int
    unrated: int
    last: bytes | None


def retry_part(
    uow: UnitOfWork, tariffs: Tariffs, tenant_id: str, account_id: str, after: bytes = FIRST
) -> RetriedPart:
    """Try the next calls of an account, or of all for an empty id; last is None at the end."""
    connection = uow.connection
    charge_ids = waiting_charges(
        connection, tenant_id, account_id, after, CALLS_PER_TRANSACTION_MAX
    )
    last = charge_ids[-1] if len(charge_ids) == CALLS_PER_TRANSACTION_MAX else None
    # Charges are locked after all else, whoever settles them.
    lock_calls(uow, tariffs, [CallsToLock.of(tenant_id, read_unrated(connection, charge_ids))])
    # Read once nobody else can settle them: a record may correct one at the same time.
    lock_charges(connection, charge_ids)
    calls = read_unrated(connection, charge_ids)
    if not calls:
        return RetriedPart(0, 0, last)
    counts = settle_calls(uow, tariffs, tenant_id, calls, InputKind.RETRY, NO_EVENT)
    return RetriedPart(counts.priced, counts.unrated, last)


def retry_next_request(uow: UnitOfWork, tariffs: Tariffs) -> bool:
    """Begin the oldest request, or work on it for one part; False when there is none.

    Calls that were priced before the change that asks for a retry are all committed when it
    begins. It begins in a transaction of its own, which keeps nobody waiting for long.
    """
    connection = uow.connection
    request = next_retry(connection)
    if request is None:
        return False
    tenant_id, account_id, after = request.tenant_id, request.account_id, request.after_charge_id
    if after is None:
        wait_for_pricing(connection, tenant_id)
        join_retries(connection, request)
        note_retried(connection, request, FIRST)
        return True
    part = retry_part(uow, tariffs, tenant_id, account_id, after)
    note_retried(connection, request, part.last)
    return True

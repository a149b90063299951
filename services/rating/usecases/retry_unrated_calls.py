"""Trying calls without a price again: on request, and whenever something that was missing comes."""

from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.charge import NO_EVENT
from services.rating.domain.settlement import InputKind
from services.rating.store.unrated import (
    FIRST,
    next_retry,
    note_retried,
    read_unrated,
)
from services.rating.usecases.settle_calls import settle_calls
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
    charge_ids, calls = read_unrated(
        uow.connection, tenant_id, account_id, after, CALLS_PER_TRANSACTION_MAX
    )
    if not charge_ids:
        return RetriedPart(0, 0, None)
    counts = settle_calls(uow, tariffs, tenant_id, calls, InputKind.RETRY, NO_EVENT)
    is_end = len(charge_ids) < CALLS_PER_TRANSACTION_MAX
    return RetriedPart(counts.priced, counts.unrated, None if is_end else charge_ids[-1])


def retry_next_request(uow: UnitOfWork, tariffs: Tariffs) -> bool:
    """Work on the oldest request for one part; False when there is none."""
    request = next_retry(uow.connection)
    if request is None:
        return False
    part = retry_part(uow, tariffs, request.tenant_id, request.account_id, request.after_charge_id)
    note_retried(uow.connection, request, part.last)
    return True

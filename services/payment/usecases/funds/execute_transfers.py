"""Executes steps of two-phase transfers: those that come together are committed together."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError

from chassis.database.engine import DATABASE_ERRORS, Database
from chassis.database.unit_of_work import UnitOfWork
from chassis.group_commit import GroupCommit, together_or_alone
from kernel.errors import DomainError
from services.payment.domain.funds.funds_book import execute
from services.payment.domain.funds.transfer_errors import step_failed
from services.payment.domain.funds.transfers import CaptureHold, Result, Transfer
from services.payment.usecases.funds.keep_funds_book import open_book, store_book

# Requests of one commit.
REQUESTS_MAX = 250
# Of a transaction that meets another one which takes the same ids at the same time.
ATTEMPTS_MAX = 3

_logger = logging.getLogger(__name__)


class _Request(NamedTuple):
    tenant_id: str
    transfers: Sequence[Transfer]


class TransferExecution:
    """Executes steps on the database, in group commits.

    What posts waits for others who post to the same books, which may be a batch of thousands of
    calls. Requests that only hold and release don't, and so don't wait behind those that do.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holding = GroupCommit(self._commit, REQUESTS_MAX)
        self._posting = GroupCommit(self._commit, REQUESTS_MAX)

    async def execute(self, tenant_id: str, transfers: Sequence[Transfer]) -> list[Result]:
        """Execute steps in their order; each has a result of its own."""
        posts = any(isinstance(each.step, CaptureHold) for each in transfers)
        lane = self._posting if posts else self._holding
        return await lane.do(_Request(tenant_id, transfers))

    async def _commit(self, requests: Sequence[_Request]) -> list[list[Result]]:
        by_tenant: dict[str, list[Transfer]] = {}
        for request in requests:
            by_tenant.setdefault(request.tenant_id, []).extend(request.transfers)
        results = {
            tenant_id: iter(await self._execute(tenant_id, transfers))
            for tenant_id, transfers in by_tenant.items()
        }
        return [
            list(islice(results[request.tenant_id], len(request.transfers))) for request in requests
        ]

    async def _execute(self, tenant_id: str, transfers: Sequence[Transfer]) -> list[Result]:
        """Execute steps in one transaction, or each in its own when one of them spoils it."""
        work = partial(self._together, tenant_id)
        results = await together_or_alone(work, transfers, DATABASE_ERRORS)
        return [
            _refused(tenant_id, transfer, result) if isinstance(result, Exception) else result
            for transfer, result in zip(transfers, results, strict=True)
        ]

    async def _together(self, tenant_id: str, transfers: Sequence[Transfer]) -> list[Result]:
        work = partial(execute_together, tenant_id=tenant_id, transfers=transfers)
        for _ in range(ATTEMPTS_MAX - 1):
            # A step with an id that was just taken finds the next time what was done under it.
            with suppress(IntegrityError):
                return await self._database.write(work)
        return await self._database.write(work)


def _refused(tenant_id: str, transfer: Transfer, error: Exception) -> Result:
    """The result of a step that failed alone. Raises what is no step's fault."""
    if isinstance(error, DATABASE_ERRORS):
        raise error
    if isinstance(error, DomainError):
        return Result(None, error)
    _logger.error("step %s of %s failed", transfer.request_id, tenant_id, exc_info=error)
    return Result(None, step_failed(transfer.request_id))


def execute_together(
    unit_of_work: UnitOfWork, tenant_id: str, transfers: Sequence[Transfer]
) -> list[Result]:
    """Execute the steps of one tenant in a transaction."""
    book = open_book(unit_of_work, tenant_id, transfers)
    results = [execute(transfer, book, unit_of_work.now) for transfer in transfers]
    store_book(unit_of_work, tenant_id, book)
    return results

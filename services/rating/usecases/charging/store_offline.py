"""Stores what was answered in an outage; an answer that can never be stored stops no other."""

import logging
from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from chassis.database.engine import DATABASE_ERRORS, Database
from chassis.database.unit_of_work import UnitOfWork
from chassis.group_commit import together_or_alone
from kernel.errors import DomainError
from services.rating.domain.charging.answer import Verdict
from services.rating.domain.charging.offline import (
    FundsUnavailableError,
    OfflineAnswer,
    one_after_the_other,
)
from services.rating.domain.charging.requests import CloseRequest
from services.rating.store.offline_answers import keep_offline_answers
from services.rating.usecases.charging.adopt_offline import adopt_offline
from services.rating.usecases.charging.saga import Saga

# What is over after a while, whatever the answers are.
PASSING_ERRORS = (*DATABASE_ERRORS, FundsUnavailableError)

_logger = logging.getLogger(__name__)


class OfflineStore:
    """The way of answers from the disk into the database."""

    def __init__(self, database: Database, saga: Saga) -> None:
        self._database = database
        self._saga = saga

    async def store(self, answers: Sequence[OfflineAnswer]) -> list[OfflineAnswer]:
        """Store answers, each once; those that can never be. Raises PASSING_ERRORS."""
        refused = []
        errors = await together_or_alone(self._together, answers, PASSING_ERRORS)
        for answer, error in zip(answers, errors, strict=True):
            if isinstance(error, PASSING_ERRORS):
                raise error
            if error is not None:
                _tell(answer, error)
                refused.append(answer)
        return refused

    async def _together(self, answers: Sequence[OfflineAnswer]) -> list[DomainError | None]:
        """Store the answers to calls, those under one id one after the other."""
        return [error for part in one_after_the_other(answers) for error in await self._part(part)]

    async def _part(self, answers: Sequence[OfflineAnswer]) -> list[DomainError | None]:
        """Have sessions go on with what they were allowed, then end those that have ended."""
        ends = [each for each in answers if isinstance(each.request, CloseRequest)]
        await self._adopt([each for each in answers if not isinstance(each.request, CloseRequest)])
        errors = [await self._close(each) for each in answers]
        await self._adopt(ends)
        return errors

    async def _adopt(self, answers: Sequence[OfflineAnswer]) -> None:
        def work(uow: UnitOfWork) -> None:
            new = keep_offline_answers(uow, answers)
            adopt_offline(uow, [each for each in new if each.answer.verdict is Verdict.GRANTED])

        try:
            await self._database.write(work)
        except IntegrityError:
            # Another replica was first with one of the sessions; now it is there.
            await self._database.write(work)

    async def _close(self, offline: OfflineAnswer) -> DomainError | None:
        """End a call that has ended; why it cannot be, as its switch would have heard."""
        if not isinstance(offline.request, CloseRequest):
            return None
        try:
            await self._saga.close(offline.tenant_id, offline.request)
        except DomainError as error:
            # The record of the call charges it.
            return error
        return None


def _tell(offline: OfflineAnswer, error: Exception) -> None:
    # No message: it may have a telephone number in it. The file has it all.
    why = error.reason if isinstance(error, DomainError) else type(error).__name__
    session = f"{offline.tenant_id}/{offline.request.session_id}"
    _logger.error("what session %r was answered in an outage cannot be stored: %s", session, why)

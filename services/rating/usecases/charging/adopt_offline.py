"""Takes over what calls were allowed while payment or the database did not answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from services.rating.domain.charging.adoption import adopted
from services.rating.domain.charging.offline import OfflineAnswer
from services.rating.domain.charging.requests import OpenRequest
from services.rating.domain.charging.reused_id import is_of_another_call
from services.rating.domain.charging.session import Level, Session, SessionState, next_version
from services.rating.domain.charging.transfers import hold_id_of
from services.rating.store.accounts import accounts_of
from services.rating.store.sessions import insert_sessions, lock_sessions, update_sessions
from services.rating.usecases.charging.reused_ids import FormerSessions
from services.rating.usecases.parties import RESELLER_LEVELS_MAX


def adopt_offline(uow: UnitOfWork, answers: Sequence[OfflineAnswer]) -> None:
    """Have sessions as if they had been granted what calls were allowed, with nothing held.

    The next extend asks for the money of all that was used. `answers` are grants, each of them
    told once, in their order.
    """
    by_tenant: dict[str, list[OfflineAnswer]] = {}
    for answer in answers:
        by_tenant.setdefault(answer.tenant_id, []).append(answer)
    for tenant_id, of_tenant in sorted(by_tenant.items()):
        _adopt(uow, tenant_id, of_tenant)


def _adopt(uow: UnitOfWork, tenant_id: str, answers: Sequence[OfflineAnswer]) -> None:
    connection, now = uow.connection, to_micros(uow.now)
    ids = [answer.request.session_id for answer in answers]
    known = lock_sessions(connection, tenant_id, ids)
    former = FormerSessions(connection, _over(known, answers))
    known = {key: each for key, each in known.items() if key not in former}
    sessions = dict(known)
    for answer in answers:
        session_id = answer.request.session_id
        before = sessions.get(session_id) or _opened(connection, answer, former)
        if before is not None:
            sessions[session_id] = next_version(before, adopted(before, answer, now))
    insert_sessions(connection, [each for key, each in sessions.items() if key not in known])
    changed = [each for key, each in sessions.items() if each is not known.get(key)]
    update_sessions(connection, [each for each in changed if each.session_id in known])


def _over(known: Mapping[str, Session], answers: Sequence[OfflineAnswer]) -> list[Session]:
    """The sessions whose ids were given to calls that were let in meanwhile."""
    opens = [each.request for each in answers if isinstance(each.request, OpenRequest)]
    over = {
        session.session_id: session
        for each in opens
        if (session := known.get(each.session_id)) and is_of_another_call(session, each.call)
    }
    return list(over.values())


def _opened(
    connection: Connection, answer: OfflineAnswer, former: FormerSessions
) -> Session | None:
    """The session of a call that was let in; None for an extend of one that nobody opened."""
    request = answer.request
    if not isinstance(request, OpenRequest):
        return None
    call = replace(request.call, account_id=answer.account_id)
    levels = tuple(_levels(connection, answer, call.start_micros))
    return former.followed_by(
        Session(answer.tenant_id, request.session_id, call, SessionState.ACTIVE, levels=levels)
    )


def _levels(connection: Connection, answer: OfflineAnswer, start_micros: int) -> Iterator[Level]:
    """Who is to pay: the customer, then the resellers above, as far as they are known."""
    tenant_id, account_id = answer.tenant_id, answer.account_id
    for place in range(RESELLER_LEVELS_MAX + 1):
        account = accounts_of(connection, tenant_id, [account_id]).get(account_id)
        if account is None:
            return
        session_id = answer.request.session_id
        hold_id = hold_id_of(tenant_id, session_id, start_micros, place)
        yield Level(account.account_id, account.payer_account_id, account.currency, hold_id)
        account_id = account.reseller_account_id

"""Which calls are to be ended: somebody asked for it, or their account is blocked."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, select, text

from services.rating.domain.charging.answer import Reason
from services.rating.store.schema import account_block, account_change
from services.rating.store.session_schema import charging_session

# Literally as the partial indexes have it.
_IS_LIVE = text("charging_session.state <= 2")


class HangUp(NamedTuple):
    """A call that is to be ended, and why."""

    tenant_id: str
    session_id: str
    reason: Reason


_KEY = (charging_session.c.tenant_id, charging_session.c.session_id)
_REQUESTED: Select[Any] = select(*_KEY).where(
    text("charging_session.state <= 2 AND charging_session.hang_up_reason <> ''")
)
_BLOCKED: Select[Any] = (
    select(*_KEY)
    .join(
        account_change,
        and_(
            account_change.c.tenant_id == charging_session.c.tenant_id,
            account_change.c.account_id == charging_session.c.account_id,
        ),
    )
    .join(
        account_block,
        and_(
            account_block.c.tenant_id == charging_session.c.tenant_id,
            account_block.c.account_id == charging_session.c.account_id,
        ),
    )
    .where(
        _IS_LIVE,
        account_change.c.change_time > bindparam("since"),
        account_block.c.is_blocked == 1,
    )
)


def hang_ups(connection: Connection, since: datetime) -> list[HangUp]:
    """All that were asked for and not heeded yet, and calls of accounts blocked after a moment."""
    return list(_hang_ups(connection, since))


def _hang_ups(connection: Connection, since: datetime) -> Iterator[HangUp]:
    for row in connection.execute(_REQUESTED):
        yield HangUp(row.tenant_id, row.session_id, Reason.HANG_UP_REQUESTED)
    for row in connection.execute(_BLOCKED, {"since": since}):
        yield HangUp(row.tenant_id, row.session_id, Reason.ACCOUNT_BLOCKED)

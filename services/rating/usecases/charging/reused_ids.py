"""Sessions make room for other calls to which switches give their ids."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from services.rating.domain.charging.reused_id import former_id
from services.rating.domain.charging.session import Session
from services.rating.store.sessions import rename_sessions


class FormerSessions:
    """Sessions that are over, and whose ids other calls have from now on."""

    def __init__(self, connection: Connection, sessions: Collection[Session]) -> None:
        """Keep locked sessions under other ids: records of their calls may still come."""
        self._versions = {each.session_id: each.version for each in sessions}
        new_ids = {(each.tenant_id, each.session_id): former_id(each) for each in sessions}
        rename_sessions(connection, new_ids)

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._versions

    def followed_by(self, session: Session) -> Session:
        """A new session, in a version that no copy of the former one in memory has."""
        former = self._versions.get(session.session_id, 0)
        return session._replace(version=session.version + former)

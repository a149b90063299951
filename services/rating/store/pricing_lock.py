"""The lock by which a retry waits for calls that are being priced without what has just come.

On PostgreSQL it is an advisory lock: those wait in a queue, where the sharers of a row's lock never
let anybody else in while calls keep coming. SQLite has one writer, who waits for nobody.
"""

from sqlalchemy import Connection, text

from chassis.database.direct import Direct

_KEY = "hashtextextended('pricing/' || :tenant_id, 0)"
_SHARE = Direct(text(f"SELECT pg_advisory_xact_lock_shared({_KEY})"))
_TAKE = Direct(text(f"SELECT pg_advisory_xact_lock({_KEY})"))


def share_pricing(connection: Connection, tenant_id: str) -> None:
    """Price calls of a tenant; to be taken before anything is read that they are priced with."""
    _lock(connection, tenant_id, _SHARE)


def wait_for_pricing(connection: Connection, tenant_id: str) -> None:
    """Wait until all calls that are being priced are committed; none are until we are."""
    _lock(connection, tenant_id, _TAKE)


def _lock(connection: Connection, tenant_id: str, lock: Direct) -> None:
    if connection.dialect.name == "postgresql":
        lock.rows(connection, {"tenant_id": tenant_id})

"""The lock by which a retry waits for calls that are being priced without what has just come.

On PostgreSQL it is an advisory lock: those wait in a queue, where the sharers of a row's lock never
let anybody else in while calls keep coming. SQLite has one writer, who waits for nobody.
"""

from sqlalchemy import Connection

_KEY = "hashtextextended('pricing/' || %s, 0)"


def share_pricing(connection: Connection, tenant_id: str) -> None:
    """Price calls of a tenant; to be taken before anything is read that they are priced with."""
    _lock(connection, tenant_id, "pg_advisory_xact_lock_shared")


def wait_for_pricing(connection: Connection, tenant_id: str) -> None:
    """Wait until all calls that are being priced are committed; none are until we are."""
    _lock(connection, tenant_id, "pg_advisory_xact_lock")


def _lock(connection: Connection, tenant_id: str, function: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT {function}({_KEY})", (tenant_id,))

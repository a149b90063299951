"""`tollbook serve` and `tollbook migrate`: one service in this process."""

import os
from importlib import import_module

from cli.options import ServiceName, check_known


def serve(service: ServiceName) -> None:
    """Run a service until SIGTERM; its settings come from the environment."""
    # No other command needs what these import, and each would start later for it.
    import uvloop  # noqa: PLC0415

    from chassis.service import serve as serve_until_stopped  # noqa: PLC0415

    check_known(service)
    # Only the service that runs is imported.
    wiring = import_module(f"services.{service}.wiring")
    # A tenth less CPU a call than with asyncio's own loop.
    uvloop.run(serve_until_stopped(service, wiring.build, os.environ))


def migrate(service: ServiceName) -> None:
    """Bring a service's database to the schema of this version."""
    from chassis.service import migrate_service  # noqa: PLC0415

    check_known(service)
    migrate_service(service, os.environ)

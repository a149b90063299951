"""Runs the sandbox gateway: `python -m deploy.local.sandbox_gateway --port 7185 --file FILE`."""

import argparse
from pathlib import Path

from aiohttp import web

from deploy.local.ports import LOOPBACK
from deploy.local.sandbox_gateway.faults import Faults
from deploy.local.sandbox_gateway.gateway import PROCESSING_SECONDS, SandboxGateway
from deploy.local.sandbox_gateway.server import application
from deploy.local.sandbox_gateway.store import Store

SHUTDOWN_SECONDS_MAX = 1


def main() -> None:
    """Answer until somebody stops it."""
    options = _options()
    gateway = SandboxGateway(
        Store(options.file),
        Faults(options.fault_percent, options.seed),
        processing_seconds=options.processing_seconds,
    )
    web.run_app(
        application(gateway),
        host=LOOPBACK,
        port=options.port,
        print=None,
        shutdown_timeout=SHUTDOWN_SECONDS_MAX,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox_gateway", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True, help="where its state is kept")
    parser.add_argument("--fault-percent", type=int, default=0, help="requests that go wrong")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument(
        "--processing-seconds",
        type=int,
        default=PROCESSING_SECONDS,
        help="until the outcome of a direct debit is known",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

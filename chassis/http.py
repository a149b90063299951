"""Serves an HTTP application beside gRPC, by TLS if the service has a certificate.

Whoever opens connections and says nothing, or little at a time, takes none from others for long.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable

from aiohttp import web

from chassis.settings import CommonSettings

# What is cut off is sent again by the switch.
DRAIN_SECONDS_MAX = 5
# Switches have a few open, or none between two calls.
CONNECTIONS_MAX = 1_000
TLS_HANDSHAKE_SECONDS_MAX = 10.0
# Until all headers of a request are there: from the begin of the connection, or the last answer.
HEADERS_SECONDS_MAX = 60.0
BODY_SECONDS_MAX = 10.0

_logger = logging.getLogger(__name__)


async def serve_http(app: web.Application, address: str, settings: CommonSettings) -> None:
    """Listen on `host:port` until cancelled, then finish what runs."""
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=DRAIN_SECONDS_MAX,
        keepalive_timeout=HEADERS_SECONDS_MAX,
    )
    await runner.setup()
    assert runner.server is not None, "it has been set up"
    try:
        listener = await _listen(_limited(runner.server), address, _tls(settings))
        _logger.info("HTTP is served on %s", address)
        try:
            await asyncio.Event().wait()
        finally:
            listener.close()
    finally:
        await runner.cleanup()


async def body_of(request: web.Request) -> bytes:
    """The body of a request. Raises HTTPRequestTimeout for one that comes too slowly."""
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def _limited(server: web.Server) -> Callable[[], asyncio.BaseProtocol]:
    """What serves a connection; one too many is closed, and its client comes again."""
    return lambda: server() if len(server.connections) < CONNECTIONS_MAX else _Refusal()


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


async def _listen(
    serve: Callable[[], asyncio.BaseProtocol], address: str, tls: ssl.SSLContext | None
) -> asyncio.Server:
    host, _, port = address.rpartition(":")
    return await asyncio.get_running_loop().create_server(
        serve,
        host.strip("[]"),
        int(port),
        ssl=tls,
        ssl_handshake_timeout=TLS_HANDSHAKE_SECONDS_MAX if tls else None,
    )


def _tls(settings: CommonSettings) -> ssl.SSLContext | None:
    if settings.tls_certificate_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate_file, settings.tls_key_file)
    return context

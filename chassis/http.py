"""Serves an HTTP application beside gRPC, by TLS if the service has a certificate."""

import asyncio
import logging
import ssl

from aiohttp import web

from chassis.settings import CommonSettings

# What is cut off is sent again by the switch.
DRAIN_SECONDS_MAX = 5

_logger = logging.getLogger(__name__)


async def serve_http(app: web.Application, address: str, settings: CommonSettings) -> None:
    """Listen on `host:port` until cancelled, then finish what runs."""
    host, _, port = address.rpartition(":")
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_SECONDS_MAX)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host.strip("[]"), int(port), ssl_context=_tls(settings))
        await site.start()
        _logger.info("HTTP is served on %s", address)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _tls(settings: CommonSettings) -> ssl.SSLContext | None:
    if settings.tls_certificate_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate_file, settings.tls_key_file)
    return context

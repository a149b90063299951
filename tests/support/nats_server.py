"""A real NATS server for one test module, which can be killed and started again."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from deploy.local import nats
from deploy.local.ports import LOOPBACK, free_port, is_listening

START_SECONDS_MAX = 30
PASSWORD = "test"


class NatsServer:
    """A server in a folder; what it has stored survives a kill."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._configuration = nats.write_configuration(folder, self._port, PASSWORD)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"nats://{nats.USER}:{PASSWORD}@{LOOPBACK}:{self._port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [nats.find_server(), "-c", self._configuration],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        retrying = Retrying(
            retry=retry_if_result(lambda listening: not listening),
            stop=stop_after_delay(START_SECONDS_MAX),
            wait=wait_fixed(0.02),
        )
        retrying(is_listening, self._port)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def nats_server(folder: Path) -> Iterator[NatsServer]:
    """Yield a running server."""
    server = NatsServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()

"""A service lets calls in when it is ready for them, and says so not before."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from chassis.security.authority import LocalAuthority
from deploy.local.ports import LOOPBACK, free_port
from tests.support.nats_server import nats_server

START_SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 1.0

# fraud, which before its first call waits for a file beside the one by which it says so.
PREPARING = """
import asyncio, os, sys
from dataclasses import replace
from pathlib import Path
from chassis.service import serve
from services.fraud.wiring import build

folder = Path(sys.argv[1])

async def prepare():
    (folder / "preparing").touch()
    while not (folder / "ready").exists():
        await asyncio.sleep(0.01)

asyncio.run(serve("fraud", lambda runtime: replace(build(runtime), prepare=prepare), os.environ))
"""


@contextmanager
def starting(folder: Path, address: str, nats_url: str) -> Iterator[None]:
    """Run the service, whether or not it has become ready."""
    authority = LocalAuthority.open(folder / "authority")
    environment = {
        **os.environ,
        "NATS_URL": nats_url,
        "DATABASE_URL": f"sqlite:///{folder / 'fraud.sqlite3'}",
        "LISTEN_ADDRESS": address,
        "TRUSTED_KEYS_FILE": str(authority.trusted_keys_file),
    }
    process = subprocess.Popen([sys.executable, "-c", PREPARING, str(folder)], env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def is_serving(address: str) -> bool:
    """What a probe is told."""
    with grpc.insecure_channel(address) as channel:
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_SECONDS_MAX)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def test_a_service_serves_once_it_is_prepared(tmp_path: Path) -> None:
    """A probe that comes while it prepares sends it no calls yet."""
    address = f"{LOOPBACK}:{free_port()}"
    eventually = Retrying(
        retry=retry_if_result(lambda fact: not fact),
        stop=stop_after_delay(START_SECONDS_MAX),
        wait=wait_fixed(0.1),
    )
    with nats_server(tmp_path / "nats") as nats, starting(tmp_path, address, nats.url):
        eventually((tmp_path / "preparing").exists)
        assert not is_serving(address)
        (tmp_path / "ready").touch()
        eventually(is_serving, address)

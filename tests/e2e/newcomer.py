"""`tollbook run` as a newcomer starts it, and the commands that are typed beside it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.local.installation import PORT_BASE_VARIABLE

READY_SECONDS_MAX = 240.0
END_SECONDS_MAX = 60.0
POLL_SECONDS = 0.1
TOPIC_WIDTH = 20


class Run:
    """A running `tollbook run`, with what it has printed so far in a file."""

    def __init__(self, name: str, folder: Path, port_base: int) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "TOLLBOOK_DATA": str(folder),
            PORT_BASE_VARIABLE: str(port_base),
            # Wide enough that no table is folded.
            "COLUMNS": "200",
        }
        self._printed = folder.parent / f"{name}.txt"
        # What a shell starts in the background ignores Ctrl-C, and so would the run.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with self._printed.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "run"],
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.services: dict[str, int] = {}

    @property
    def printed(self) -> str:
        """Everything it has printed."""
        return self._printed.read_text()

    def told(self, topic: str) -> str:
        """What it has printed about a topic."""
        begin = f"  ✓ {topic:<{TOPIC_WIDTH}} "
        [line] = [line for line in self.printed.splitlines() if line.startswith(begin)]
        return line.removeprefix(begin)

    def wait_ready(self) -> None:
        """Wait until it says that it stays until Ctrl-C, and find its processes."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while "Press Ctrl-C to stop." not in self.printed:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(POLL_SECONDS)
        self.services = children(self.process.pid)

    def interrupt(self) -> int:
        """Press Ctrl-C, if it still runs, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(END_SECONDS_MAX)

    def tollbook(self, *arguments: str) -> str:
        """Run another command beside it, as its user would; it must succeed."""
        done = self.ask(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command beside it, however it ends."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


def children(parent: int) -> dict[str, int]:
    """The processes that a process has started, by the name of what they serve."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = (status.parent / "cmdline").read_bytes().decode().strip("\0").split("\0")
            is_child = f"PPid:\t{parent}\n" in status.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if is_child:
            found[name_of(command)] = int(status.parent.name)
    return found


def name_of(command: list[str]) -> str:
    """What a process of the suite serves."""
    if "nats-server" in command[0]:
        return "nats"
    return "gateway" if "deploy.local.sandbox_gateway" in command else command[-1]


def is_running(pid: int) -> bool:
    """Whether there is a process of this number."""
    return Path(f"/proc/{pid}").exists()

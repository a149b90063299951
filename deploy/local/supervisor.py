"""Starts, watches, kills and stops the processes of a local installation."""

import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.local.installation import Installation
from deploy.local.ports import is_listening
from deploy.local.processes import processes

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
KILLED_SECONDS_MAX = 5
POLL_SECONDS = 0.1
LOG_LINES_SHOWN = 20


class SupervisorError(RuntimeError):
    """The suite cannot run; the message says why and what to do."""


class ProcessDiedError(SupervisorError):
    """A process ended that should run; the message holds the end of its log."""


class PortInUseError(SupervisorError):
    """Somebody else listens where a process should."""


class Supervisor:
    """The running processes of one installation."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        installation.prepare()
        self._table = {process.name: process for process in processes(installation)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def names(self) -> list[str]:
        """Every process, in the order of starting."""
        return list(self._table)

    def start_all(self) -> None:
        """Start everything; return when all is ready.

        Raises:
            PortInUseError: somebody listens already where a process should.
            ProcessDiedError: a process ended instead, or was not ready in time.
        """
        for process in self._table.values():
            if is_listening(process.port):
                raise PortInUseError(
                    f"port {process.port}, where {process.name} should listen, is in use; stop "
                    "what runs there, perhaps what is left of a former start"
                )
        started: list[str] = []
        for process in self._table.values():
            for name in set(started) & set(process.depends_on):
                self.wait_ready(name)
                started.remove(name)
            self.start(process.name)
            started.append(process.name)
        for name in started:
            self.wait_ready(name)

    def start(self, name: str, command: list[str] | None = None) -> None:
        """Start a process, by another command if one is given, without waiting for it."""
        process = self._table[name]
        process.before()
        with self._log_file(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command or process.command,
                env=process.environment or None,
                user=process.user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for us: we stop the others in order.
                start_new_session=True,
            )

    def wait_ready(self, name: str) -> None:
        """Wait until a process does its work.

        Raises:
            ProcessDiedError: it ended instead, or was not ready in time.
        """
        process = self._table[name]
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not process.is_ready():
            if self._running[name].poll() is not None:
                raise ProcessDiedError(self._obituary(name, "ended while starting"))
            if time.monotonic() > deadline:
                raise ProcessDiedError(self._obituary(name, f"not ready in {READY_SECONDS_MAX} s"))
            time.sleep(POLL_SECONDS)
        process.after()

    def check(self) -> None:
        """Raise ProcessDiedError when a process ended that should run."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise ProcessDiedError(self._obituary(name, f"ended with {process.returncode}"))

    def pid_of(self, name: str) -> int:
        """The number of a running process."""
        return self._running[name].pid

    def kill(self, name: str) -> None:
        """End a process, and what it has started, as a power cut would.

        Raises:
            ProcessDiedError: it has ended by itself before.
        """
        process = self._running.pop(name)
        if process.poll() is not None:
            raise ProcessDiedError(self._obituary(name, f"ended with {process.returncode}"))
        # PostgreSQL's children lead sessions of their own, so no group's number reaches them; and
        # while one of them lives, its memory keeps the next server from starting.
        process.send_signal(signal.SIGSTOP)  # it starts no more
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, KILLED_SECONDS_MAX)

    def wait_for_end(self, name: str, seconds_max: float) -> bool:
        """Wait for a process to end by itself; tell whether it did."""
        try:
            self._running[name].wait(seconds_max)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, name: str) -> None:
        """Ask a process to drain and wait until it is gone."""
        process = self._running.pop(name)
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients.
        process.send_signal(signal.SIGINT if name == "postgresql" else signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        """Stop everything, what depends on others first."""
        for name in reversed(self.names):
            if name in self._running:
                self.stop(name)

    def _log_file(self, name: str) -> Path:
        return self._installation.log_folder / f"{name}.log"

    def _obituary(self, name: str, what: str) -> str:
        with self._log_file(name).open(errors="replace") as log:
            last_lines = "".join(deque(log, LOG_LINES_SHOWN))
        return f"{name} {what}; the end of {self._log_file(name)}:\n{last_lines}"

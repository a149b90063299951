"""The RPC being answered: its method, and the time by which the answer must be there."""

import time
from contextvars import ContextVar
from typing import NamedTuple


class RunningCall(NamedTuple):
    """An RPC being answered; `expiry` is a reading of time.monotonic(), None without a deadline."""

    method: str
    expiry: float | None


_running: ContextVar[RunningCall | None] = ContextVar("running_call", default=None)


def enter_call(method: str, remaining_seconds: float | None) -> None:
    """Make this the running call for the rest of the RPC's task, which ends with the RPC."""
    expiry = None if remaining_seconds is None else time.monotonic() + remaining_seconds
    _running.set(RunningCall(method, expiry))


def current_method() -> str:
    """The method being answered as `<service>/<method>`; outside an RPC, asking is a bug."""
    method = method_or_none()
    if method is None:
        raise LookupError("current_method() was asked outside an RPC")
    return method


def method_or_none() -> str | None:
    """The method being answered; None outside an RPC."""
    running = _running.get()
    return None if running is None else running.method


def remaining_seconds() -> float | None:
    """The time left to answer the running call; None without a deadline or outside an RPC."""
    running = _running.get()
    if running is None or running.expiry is None:
        return None
    return running.expiry - time.monotonic()

"""Keeps the status that a server ended a call with, where grpc.aio would lose it.

A server that refuses a stream while the client still writes answers with its status; the write then
fails, and grpc.aio overwrites the status with INTERNAL (grpc/grpc#36066). A callback sees both.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc

T = TypeVar("T")


class FirstStatus:
    """The first status of a call, which is the server's."""

    def __init__(self, call: grpc.aio.Call) -> None:
        self._error: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._remember)

    def instead_of(self, error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """The error to believe."""
        return self._error or error

    def _remember(self, call: Any) -> None:
        code, details = _now(call.code()), _now(call.details())
        trailing_metadata = _now(call.trailing_metadata())
        if self._error is None and code is not grpc.StatusCode.OK:
            self._error = grpc.aio.AioRpcError(
                code, grpc.aio.Metadata(), trailing_metadata, details=details
            )


def _now(answer: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that has nothing left to wait for."""
    try:
        answer.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise AssertionError("a call that is done knows its status")

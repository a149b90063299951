"""What every call passes on its way in: trace, errors, deadline, access and validation.

Handlers are wrapped once, as their servicer is added, with all that their method needs at hand: a
chain of gRPC's own interceptors would cost a third of a small call.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import grpc
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from opentelemetry.trace import SpanKind

from chassis.database.engine import DATABASE_ERRORS
from chassis.grpc import errors, running_call
from chassis.grpc.access import Access, Admit, Context, Metadata
from chassis.grpc.validation import checked, each_checked
from chassis.grpc.wire_bytes import FromBytes, does_take_bytes
from chassis.telemetry import names
from chassis.telemetry.call_durations import server_durations
from chassis.telemetry.tracing import span_of
from kernel.errors import DomainError

# gRPC's class takes no type arguments at run time.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Answer = Callable[[], Awaitable[Any]]

# Below this the answer would not be back in time, so the work is not begun.
WORK_SECONDS_MIN = 0.005

_OK = grpc.StatusCode.OK.name
_CANCELLED = grpc.StatusCode.CANCELLED.name
_DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED.name
_MAKE_HANDLER: dict[tuple[bool, bool], Callable[..., Handler]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}

_logger = logging.getLogger(__name__)


class Doors:
    """Stands before a server: what generated code adds here is served behind doors."""

    def __init__(
        self, server: grpc.aio.Server, access: Access, timeouts: Mapping[str, float]
    ) -> None:
        self._access = access
        self._timeouts = timeouts
        self._handlers: dict[str, Handler] = {}
        server.add_generic_rpc_handlers((_Handlers(self._handlers),))

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Nothing: generated code adds the same handlers again, by the names of their methods."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Serve the methods of a service, each behind its door."""
        for name, handler in handlers.items():
            method = f"{service}/{name}"
            self._handlers[f"/{method}"] = self._door_of(method).guard(handler)

    def _door_of(self, method: str) -> _Door:
        return _Door(method, self._access.check_of(method), self._timeouts.get(method))


class _Handlers(grpc.GenericRpcHandler):
    """Finds the handler of a method.

    Registered with gRPC, each method would be waited for by itself: for every call that comes,
    grpc.aio begins to wait for all of them again, which costs a service of forty methods a fifth of
    a small call.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a call; None for a method that nobody has."""
        return self._handlers.get(handler_call_details.method)


class _Door:
    """The way into one method, written `<service>/<method>`."""

    def __init__(
        self,
        method: str,
        admit: Admit,
        timeout_seconds: float | None,
    ) -> None:
        self._method = method
        # The short name of the service: fraud of tollbook.fraud.v1.FraudService.
        self._service = method.split(".")[1]
        self._admit = admit
        self._timeout_seconds = timeout_seconds

    def guard(self, handler: Handler) -> Handler:
        """The handler behind this door."""
        behaviour: Any = (
            handler.unary_unary
            or handler.unary_stream
            or handler.stream_unary
            or handler.stream_stream
        )
        if does_take_bytes(behaviour):
            return self._guard_bytes(behaviour)
        incoming = each_checked if handler.request_streaming else checked
        answer = _writing(behaviour) if inspect.isasyncgenfunction(behaviour) else behaviour

        async def guarded(request: Any, context: Context) -> Any:
            return await self._pass(context, lambda: answer(incoming(request), context))

        make = _MAKE_HANDLER[handler.request_streaming, handler.response_streaming]
        return make(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _guard_bytes(self, answer: FromBytes) -> Handler:
        """The same for a unary method that gRPC hands bytes."""

        async def guarded(request: bytes, context: Context) -> Any:
            return await self._pass(context, lambda: answer(request, context))

        return grpc.unary_unary_rpc_method_handler(guarded)

    async def _pass(self, context: Context, answer: Answer) -> Any:
        """Answer a call within its trace; measure it; tell its caller of errors by a status."""
        begin, code = time.perf_counter(), _OK
        # Of a key that was sent twice, the first value counts.
        sent: Any = context.invocation_metadata() or ()
        metadata: Metadata = dict(reversed(sent))
        with span_of(self._method, SpanKind.SERVER, metadata.get(names.TRACEPARENT, "")) as span:
            try:
                return await self._let_in(metadata, context, answer)
            except asyncio.CancelledError:
                # gRPC has stopped the call: its caller went away, or waited no longer.
                code = _CANCELLED if context.time_remaining() else _DEADLINE_EXCEEDED
                raise
            except grpc.aio.AbortError:
                code = context.code().name
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a status
                status = rpc_status.to_status(self._status_of(error))
                code = status.code.name
                await context.abort_with_status(status)
            finally:
                server_durations.record(self._method, code, time.perf_counter() - begin)
                span.set_attribute(names.RPC_CODE, code)

    async def _let_in(self, metadata: Metadata, context: Context, answer: Answer) -> Any:
        """Answer what has time enough and comes from whom it may."""
        seconds: float | None = context.time_remaining()
        if seconds is not None and seconds < WORK_SECONDS_MIN:
            raise errors.deadline_exceeded(
                f"{self._method} was not begun: {seconds * 1000:.1f} ms before its deadline"
            )
        allowed = self._timeout_seconds if seconds is None else seconds
        running_call.enter_call(self._method, allowed)
        self._admit(metadata, context)
        # gRPC itself stops a call at the deadline of its caller; the contract's it does not know.
        return await (answer() if seconds is not None else self._in_time(answer))

    async def _in_time(self, answer: Answer) -> Any:
        limit = asyncio.timeout(self._timeout_seconds)
        try:
            async with limit:
                return await answer()
        except TimeoutError:
            if not limit.expired():
                raise
            raise errors.deadline_exceeded(
                f"{self._method} took longer than {self._timeout_seconds} s"
            ) from None

    def _status_of(self, error: Exception) -> Status:
        """A DomainError in full; of a bug only that there is one: the log has the rest."""
        if isinstance(error, DomainError):
            return errors.to_status(error, self._service)
        if isinstance(error, DATABASE_ERRORS):
            _logger.error("%s has no database", self._method, exc_info=error)
            return errors.to_status(errors.database_unavailable(), self._service)
        _logger.error("%s failed unexpectedly", self._method, exc_info=error)
        return errors.internal_status(self._service)


def _writing(behaviour: Callable[[Any, Context], AsyncIterator[Any]]) -> Callable[..., Any]:
    """A generator of answers as the coroutine that writes them."""

    async def answer(request: Any, context: Context) -> None:
        async for response in behaviour(request, context):
            await context.write(response)

    return answer

"""What every call passes on its way in: tracing, error mapping, deadline."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from opentelemetry import metrics
from opentelemetry.trace import SpanKind

from chassis.database.engine import DATABASE_ERRORS
from chassis.grpc import errors, running_call
from chassis.grpc.interceptor import CallInterceptor, ServerCall
from chassis.telemetry import names
from chassis.telemetry.tracing import span_of
from kernel.errors import DomainError

# Below this the answer would not be back in time, so the work is not begun.
WORK_SECONDS_MIN = 0.005

_CANCELLED = grpc.StatusCode.CANCELLED.name

_logger = logging.getLogger(__name__)
_duration = metrics.get_meter("tollbook").create_histogram(
    names.RPC_SERVER_DURATION, unit="s", description="Time to answer a call, by method and code."
)


class TracingInterceptor(CallInterceptor):
    """Continues the caller's trace and measures the call."""

    @asynccontextmanager
    async def around(self, call: ServerCall) -> AsyncIterator[None]:
        """Record a span when the trace is sampled, and the duration always."""
        start = time.perf_counter()
        traceparent = call.metadata(names.TRACEPARENT) or ""
        with span_of(call.method, SpanKind.SERVER, traceparent) as span:
            code = _CANCELLED
            try:
                yield
                code = grpc.StatusCode.OK.name
            except grpc.aio.AbortError:
                code = call.context.code().name
                raise
            finally:
                _duration.record(
                    time.perf_counter() - start,
                    {names.RPC_METHOD: call.method, names.RPC_CODE: code},
                )
                span.set_attribute(names.RPC_CODE, code)


class ErrorInterceptor(CallInterceptor):
    """Answers a DomainError with its status, and a bug with INTERNAL and nothing else."""

    @asynccontextmanager
    async def around(self, call: ServerCall) -> AsyncIterator[None]:
        """Turn what is raised inside into a status."""
        try:
            yield
        except DomainError as error:
            await _abort(call, errors.to_status(error, call.service))
        except grpc.aio.AbortError:
            raise
        except DATABASE_ERRORS:
            _logger.exception("%s has no database", call.method)
            await _abort(call, errors.to_status(errors.database_unavailable(), call.service))
        except Exception:
            _logger.exception("%s failed unexpectedly", call.method)
            await _abort(call, errors.internal_status(call.service))


class DeadlineInterceptor(CallInterceptor):
    """Gives every call the deadline of its caller, or else that of the contract."""

    def __init__(self, timeouts: Mapping[str, float]) -> None:
        super().__init__()
        self._timeouts = timeouts

    @asynccontextmanager
    async def around(self, call: ServerCall) -> AsyncIterator[None]:
        """Refuse what cannot be finished in time, and stop what was not."""
        seconds: float | None = call.context.time_remaining()
        if seconds is None:
            seconds = self._timeouts.get(call.method)
        elif seconds < WORK_SECONDS_MIN:
            raise errors.deadline_exceeded(
                f"{call.method} was not begun: {seconds * 1000:.1f} ms before its deadline"
            )
        running_call.enter_call(call.method, seconds)
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise errors.deadline_exceeded(f"{call.method} took longer than {seconds} s") from None


async def _abort(call: ServerCall, status: Status) -> None:
    await call.context.abort_with_status(rpc_status.to_status(status))

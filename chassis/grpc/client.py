"""Channels to other services, which need no more than the address and the contract's package."""

import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import grpc
from opentelemetry.trace import SpanKind

from chassis.grpc import errors
from chassis.grpc.contracts import merged_service_config
from chassis.grpc.first_status import FirstStatus
from chassis.grpc.outgoing import (
    Entry,
    acting_for,
    completed_metadata,
    prepared,
    shortened_timeout,
)
from chassis.grpc.transport import CHANNEL_OPTIONS, channel_credentials
from chassis.security.service_token import ServiceToken
from chassis.settings import CommonSettings
from chassis.telemetry.call_durations import client_durations
from chassis.telemetry.tracing import span_of

__all__ = ["acting_for", "connect"]

DNS_SCHEME = "dns:///"

Details = grpc.aio.ClientCallDetails


def connect(target: str, service_package: str, settings: CommonSettings) -> grpc.aio.Channel:
    """A channel to a service, balanced over all addresses that its name has.

    Timeouts and retries are those of the contract. Errors come back as the DomainError that the
    service raised. A unary call is made when its answer is awaited.
    """
    options = [*CHANNEL_OPTIONS, ("grpc.service_config", merged_service_config(service_package))]
    service, token = service_package.split(".")[1], ServiceToken(settings.service_token_file)
    # gRPC asks for a class for each kind of method.
    interceptors = [kind(service, token) for kind in (_UnaryStream, _StreamUnary, _StreamStream)]
    address = target if ":///" in target or target.startswith("unix:") else DNS_SCHEME + target
    credentials = channel_credentials(settings)
    channel = (
        grpc.aio.insecure_channel(address, options, interceptors=interceptors)
        if credentials is None
        else grpc.aio.secure_channel(address, credentials, options, interceptors=interceptors)
    )
    return cast(grpc.aio.Channel, _Channel(channel, service, token))


class _Channel:
    """A channel whose unary calls meet no interceptor of gRPC, which would cost a sixth of one."""

    def __init__(self, channel: grpc.aio.Channel, service: str, token: ServiceToken) -> None:
        self._channel = channel
        self._service = service
        self._token = token

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """What calls a method; generated code asks for it."""
        call: Any = self._channel.unary_unary(method, *arguments, **options)
        return _UnaryUnary(self._service, self._token, call, method.removeprefix("/"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def __aenter__(self) -> "_Channel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()


class _Outgoing:
    """What calls of all kinds have in common."""

    def __init__(self, service: str, token: ServiceToken) -> None:
        self._service = service
        self._token = token

    async def _answers(self, continuation: Any, details: Details, request: Any) -> Any:
        """Open a stream; its span covers the opening, as its answers are read elsewhere."""
        method = _method(details)
        with span_of(method, SpanKind.CLIENT):
            call = await continuation(prepared(details, self._service, self._token), request)
        return self._read(call, FirstStatus(call), method)

    async def _read(self, call: Any, first_status: FirstStatus, method: str) -> AsyncIterator[Any]:
        with self._outcome(method):
            try:
                async for answer in call:
                    yield answer
            except grpc.aio.AioRpcError as error:
                raise first_status.instead_of(error) from None

    @contextmanager
    def _outcome(self, method: str) -> Iterator[None]:
        """Measure a call; what the service answered is raised as its own error."""
        start, code = time.perf_counter(), grpc.StatusCode.OK
        try:
            yield
        except grpc.aio.AioRpcError as error:
            code = error.code()
            meant = errors.from_rpc_error(error, self._service)
            if meant is None:
                raise
            raise meant from None
        finally:
            client_durations.record(method, code.name, time.perf_counter() - start)


class _UnaryUnary(_Outgoing):
    """A method, which gRPC's own `call` calls."""

    def __init__(self, service: str, token: ServiceToken, call: Any, method: str) -> None:
        super().__init__(service, token)
        self._call = call
        self._method = method

    async def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as gRPC calls it
        metadata: Iterable[Entry] | None = None,
        **options: Any,
    ) -> Any:
        with span_of(self._method, SpanKind.CLIENT):
            seconds = shortened_timeout(timeout, self._service)
            sent = completed_metadata(metadata, self._token)
            with self._outcome(self._method):
                return await self._call(request, timeout=seconds, metadata=sent, **options)


class _UnaryStream(_Outgoing, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Any, client_call_details: Details, request: Any
    ) -> Any:
        return await self._answers(continuation, client_call_details, request)


class _StreamUnary(_Outgoing, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(
        self, continuation: Any, client_call_details: Details, request_iterator: Any
    ) -> Any:
        method = _method(client_call_details)
        details = prepared(client_call_details, self._service, self._token)
        with span_of(method, SpanKind.CLIENT):
            call = await continuation(details, request_iterator)
        first_status = FirstStatus(call)
        return _TranslatedCall(call, lambda: self._awaited(call, first_status, method))

    async def _awaited(self, call: Any, first_status: FirstStatus, method: str) -> Any:
        with self._outcome(method):
            try:
                return await call
            except grpc.aio.AioRpcError as error:
                raise first_status.instead_of(error) from None


class _TranslatedCall:
    """The call itself, save that awaiting it raises the service's own error.

    Here alone gRPC insists on a call, where elsewhere an interceptor may return the answer.
    """

    def __init__(self, call: Any, answer: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._call = call
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._answer().__await__()


class _StreamStream(_Outgoing, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self, continuation: Any, client_call_details: Details, request_iterator: Any
    ) -> Any:
        return await self._answers(continuation, client_call_details, request_iterator)


def _method(details: Details) -> str:
    """The method as `<service>/<method>`; gRPC has it in bytes, whatever its types say."""
    method: Any = details.method
    return (method.decode() if isinstance(method, bytes) else method).removeprefix("/")

"""The shape of every server interceptor here: something around a call, or on its way in."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc

# gRPC's class takes no type arguments at run time.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

_MAKE_HANDLER: dict[tuple[bool, bool], Callable[..., Handler]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


@dataclass(frozen=True, slots=True)
class ServerCall:
    """A call that passes an interceptor; the method is written `<service>/<method>`."""

    method: str
    context: grpc.aio.ServicerContext[Any, Any]

    @property
    def service(self) -> str:
        """The short name of the called service: fraud of tollbook.fraud.v1.FraudService."""
        return self.method.split(".")[1]

    def metadata(self, key: str) -> str | None:
        """The first value of a metadata key."""
        for name, value in self.context.invocation_metadata() or ():
            if name == key:
                return value if isinstance(value, str) else value.decode(errors="replace")
        return None


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of all four kinds of method alike, each once."""

    def __init__(self) -> None:
        self._wrapped: dict[str, Handler] = {}

    def around(self, _call: ServerCall) -> AbstractAsyncContextManager[None]:
        """What happens before and after the call."""
        return nullcontext()

    def incoming(self, request: Any) -> Any:
        """What the handler gets for a request, or for the iterator of a stream's requests."""
        return request

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Return the wrapped handler; None for a method that nobody serves."""
        method = handler_call_details.method.removeprefix("/")
        wrapped = self._wrapped.get(method)
        handler = await continuation(handler_call_details)
        if wrapped is None and handler is not None:
            wrapped = self._wrapped[method] = self._wrap(method, handler)
        return wrapped

    def _wrap(self, method: str, handler: Handler) -> Handler:
        behaviour: Any = (
            handler.unary_unary
            or handler.unary_stream
            or handler.stream_unary
            or handler.stream_stream
        )
        is_generator = inspect.isasyncgenfunction(behaviour)
        make = _MAKE_HANDLER[handler.request_streaming, handler.response_streaming]
        return make(
            self._generator(method, behaviour)
            if is_generator
            else self._coroutine(method, behaviour),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _coroutine(self, method: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        async def answer(request: Any, context: Any) -> Any:
            async with self.around(ServerCall(method, context)):
                return await behaviour(self.incoming(request), context)

        return answer

    def _generator(self, method: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            async with self.around(ServerCall(method, context)):
                async for response in behaviour(self.incoming(request), context):
                    yield response

        return answers

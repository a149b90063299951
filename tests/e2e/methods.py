"""Every method of every service, from the contracts: what it asks for, and a way to call it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import grpc.aio
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from chassis.grpc.access import access_rules
from deploy.local.installation import SERVICES
from kernel.ids import new_uuid
from tests.support.operator import BEFORE, MONTH, NEXT_MONTH, timestamp
from tollbook.rating.v1 import plan_pb2
from tollbook.type.v1.time_range_pb2 import TimeRange

REQUEST_ID = "request_id"
# Names of others for what is ours, and the tenant itself: alike in all tenants, or no secret.
NO_IDS = {REQUEST_ID, "external_id", "tenant_id"}

_EXAMPLES: dict[str, Message] = {
    example.DESCRIPTOR.full_name: example
    for example in (
        timestamp(MONTH),
        Duration(seconds=60),
        TimeRange(start_time=timestamp(MONTH), end_time=timestamp(NEXT_MONTH)),
        plan_pb2.PlanRevision(
            effective_time=timestamp(BEFORE),
            duration_rounding=plan_pb2.DURATION_ROUNDING_UP,
            price_rounding=plan_pb2.PRICE_ROUNDING_HALF_UP,
            price_decimals=6,
        ),
    )
}
_EXAMPLE_TEXT = "31612345678"


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a service."""

    service: str
    descriptor: MethodDescriptor
    spans_tenants: bool

    def __str__(self) -> str:
        return f"{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def is_list(self) -> bool:
        """Whether it answers in pages."""
        return "page_token" in self.descriptor.input_type.fields_by_name

    @property
    def id_fields(self) -> list[FieldDescriptor]:
        """The ids that its request names."""
        return [field for field in self.descriptor.input_type.fields if is_id(field)]

    @property
    def required_id_fields(self) -> list[FieldDescriptor]:
        """The ids that its request has to name."""
        return [field for field in self.id_fields if _is_required(field)]

    def empty_request(self) -> Message:
        """A request that says nothing."""
        return message_factory.GetMessageClass(self.descriptor.input_type)()

    def request(self, ids: Mapping[str, str]) -> Message:
        """A request with these ids, by the names of their fields, and examples of what it needs."""
        request = self.empty_request()
        for field in self.descriptor.input_type.fields:
            if field.name == REQUEST_ID:
                setattr(request, field.name, new_uuid())
            elif field.name in ids:
                setattr(request, field.name, ids[field.name])
            elif _is_required(field):
                _set_example(request, field)
        return request

    async def call(self, channel: grpc.aio.Channel, request: Message) -> list[Message]:
        """Call it and return its answers; a stream of requests stays empty."""
        method = self.descriptor
        kind = f"{_arity(method.client_streaming)}_{_arity(method.server_streaming)}"
        answer_class = message_factory.GetMessageClass(method.output_type)
        stub: Any = getattr(channel, kind)(
            f"/{self}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer_class.FromString,
        )
        call = stub(_nothing() if method.client_streaming else request)
        return [each async for each in call] if method.server_streaming else [await call]


def all_methods() -> list[Method]:
    """The methods of all services, and those that they have in common."""
    packages = [(service, service) for service in SERVICES] + [(SERVICES[0], "operations")]
    return [
        Method(service, descriptor, access_rules([name])[f"{name}/{descriptor.name}"].spans_tenants)
        for service, package in packages
        for name, descriptor in _descriptors(package)
    ]


def ids_in(message: Message) -> Iterator[tuple[str, str]]:
    """Every id in a message and what is in it, with the name of its field."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else [value]:
                yield from ids_in(each)
        elif is_id(field):
            yield field.name, value


def is_id(field: FieldDescriptor) -> bool:
    """Whether a field holds the id of one thing that belongs to a tenant."""
    is_text = field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated
    return is_text and field.name.endswith("_id") and field.name not in NO_IDS


def _descriptors(package: str) -> Iterator[tuple[str, MethodDescriptor]]:
    module = import_module(f"tollbook.{package}.v1.{package}_service_pb2")
    for name in module.DESCRIPTOR.services_by_name:
        full_name = f"tollbook.{package}.v1.{name}"
        service = descriptor_pool.Default().FindServiceByName(full_name)
        for method in service.methods:
            yield full_name, method


def _set_example(request: Message, field: FieldDescriptor) -> None:
    if field.message_type is not None:
        getattr(request, field.name).CopyFrom(_EXAMPLES[field.message_type.full_name])
    else:
        is_text = field.type == FieldDescriptor.TYPE_STRING
        setattr(request, field.name, _EXAMPLE_TEXT if is_text else 1)


def _is_required(field: FieldDescriptor) -> bool:
    extension: Any = field_behavior_pb2.field_behavior
    return field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[extension]


def _arity(is_stream: bool) -> str:
    return "stream" if is_stream else "unary"


async def _nothing() -> AsyncIterator[Message]:
    no_requests: tuple[Message, ...] = ()
    for request in no_requests:
        yield request

"""Every method of every service, from the contracts: what it asks for, and a way to call it."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import grpc.aio
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from chassis.grpc.access import access_rules
from deploy.local.installation import SERVICES
from kernel.ids import new_uuid
from tests.support.request_examples import EXAMPLE_TEXT, EXAMPLES

REQUEST_ID = "request_id"
# Names of others for what is ours, and the tenant itself: alike in all tenants, or no secret.
NO_IDS = {REQUEST_ID, "external_id", "tenant_id", "fee_id", "correlation_id", "session_id"}


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
    def ids(self) -> list[str]:
        """What the ids are of that its request may name, at whatever depth, e.g. account_id."""
        return sorted({kind_of(field) for _, field in _id_places(self.request({}))})

    @property
    def required_ids(self) -> list[str]:
        """Those that it has to name."""
        fields = self.descriptor.input_type.fields
        return sorted({kind_of(field) for field in fields if is_id(field) and _is_required(field)})

    def empty_request(self) -> Message:
        """A request that says nothing."""
        return message_factory.GetMessageClass(self.descriptor.input_type)()

    def request(self, ids: Mapping[str, str]) -> Message:
        """A request with these ids wherever it has a place, and examples of what else it needs."""
        request = self.empty_request()
        _complete(request)
        for message, field in _id_places(request):
            if kind_of(field) in ids:
                value = ids[kind_of(field)]
                message.ClearField(field.name)
                named = {field.name: [value] if field.is_repeated else value}
                message.MergeFrom(type(message)(**named))
        return request

    async def call(self, channel: grpc.aio.Channel, request: Message) -> list[Message]:
        """Call it and return its answers; a stream of requests has this one.

        One that says nothing makes an empty stream.
        """
        method = self.descriptor
        kind = f"{_arity(method.client_streaming)}_{_arity(method.server_streaming)}"
        answer_class = message_factory.GetMessageClass(method.output_type)
        stub: Any = getattr(channel, kind)(
            f"/{self}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer_class.FromString,
        )
        call = stub(_only(request) if method.client_streaming else request)
        return [each async for each in call] if method.server_streaming else [await call]


def all_methods() -> list[Method]:
    """The methods of all services, and those that they have in common."""
    packages = [(service, service) for service in SERVICES] + [(SERVICES[0], "operations")]
    return [method for service, package in packages for method in methods_of(service, package)]


def methods_of(service: str, package: str = "") -> list[Method]:
    """The methods of one service."""
    return [
        Method(service, descriptor, access_rules([name])[f"{name}/{descriptor.name}"].spans_tenants)
        for name, descriptor in _descriptors(package or service)
    ]


def ids_in(message: Message) -> Iterator[tuple[str, str]]:
    """Every id in a message, with what it is the id of."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        if field.message_type is not None:
            for each in values:
                yield from ids_in(each)
        elif is_id(field):
            yield from ((kind_of(field), each) for each in values)


def is_id(field: FieldDescriptor) -> bool:
    """Whether a field holds the ids of things that belong to a tenant."""
    is_text = field.type == FieldDescriptor.TYPE_STRING
    return is_text and field.name.endswith(("_id", "_ids")) and field.name not in NO_IDS


def kind_of(field: FieldDescriptor) -> str:
    """What the ids in a field are of: payers and resellers are accounts."""
    kind = field.name.removesuffix("s")
    return "account_id" if kind.endswith("account_id") else kind


def _descriptors(package: str) -> Iterator[tuple[str, MethodDescriptor]]:
    contracts = import_module(f"tollbook.{package}.v1")
    for contract in iter_modules(contracts.__path__):
        if contract.name.endswith("_service_pb2"):
            module = import_module(f"{contracts.__name__}.{contract.name}")
            for name in module.DESCRIPTOR.services_by_name:
                full_name = f"tollbook.{package}.v1.{name}"
                service = descriptor_pool.Default().FindServiceByName(full_name)
                yield from ((full_name, method) for method in service.methods)


def _complete(message: Message) -> None:
    """Fill a message with its example, and what is required besides, at every depth."""
    example = EXAMPLES.get(message.DESCRIPTOR.full_name)
    if example is not None and not message.ListFields():
        message.CopyFrom(example)
    for field in _fields(message):
        if field.name == REQUEST_ID:
            setattr(message, field.name, new_uuid())
        elif _is_required(field) and not _is_set(message, field):
            _set_example(message, field)
    for _, child in _children(message):
        _complete(child)


def _set_example(message: Message, field: FieldDescriptor) -> None:
    if field.message_type is None:
        is_text = field.type == FieldDescriptor.TYPE_STRING
        setattr(message, field.name, EXAMPLE_TEXT if is_text else 1)
        return
    value = getattr(message, field.name)
    child = value.add() if field.is_repeated else value
    child.CopyFrom(EXAMPLES.get(field.message_type.full_name, child))
    child.SetInParent()


def _id_places(message: Message, made: str = "") -> Iterator[tuple[Message, FieldDescriptor]]:
    """The fields that name things which are there, at every depth.

    What a request makes has an id that its creator may choose, and that names nothing yet: `made`.
    """
    for field in _fields(message):
        if is_id(field) and field.name not in {made, _id_name(message) if made else ""}:
            yield message, field
    changes = message.DESCRIPTOR.name.startswith("Update")
    for field, child in _children(message):
        yield from _id_places(child, "" if changes else f"{field.name}_id")


def _children(message: Message) -> Iterator[tuple[FieldDescriptor, Message]]:
    """The messages of our contracts in a message; of a list, the first."""
    for field, value in message.ListFields():
        if field.message_type is not None and _is_ours(field.message_type):
            yield from ((field, each) for each in (value[:1] if field.is_repeated else [value]))


def _fields(message: Message) -> list[FieldDescriptor]:
    descriptor: Any = message.DESCRIPTOR
    return list(descriptor.fields)


def _is_ours(message_type: Descriptor) -> bool:
    return message_type.full_name.startswith("tollbook.")


def _id_name(message: Message) -> str:
    """The field for its own id: plan_revision_id of a PlanRevision."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", message.DESCRIPTOR.name).lower() + "_id"


def _is_required(field: FieldDescriptor) -> bool:
    extension: Any = field_behavior_pb2.field_behavior
    return field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[extension]


def _is_set(message: Message, field: FieldDescriptor) -> bool:
    name = field.name
    return message.HasField(name) if field.has_presence else bool(getattr(message, name))


def _arity(is_stream: bool) -> str:
    return "stream" if is_stream else "unary"


async def _only(request: Message) -> AsyncIterator[Message]:
    if request.ListFields():
        yield request

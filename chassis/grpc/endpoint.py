"""Runs a use case as one transaction and gives a repeated request its first answer."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import sqlalchemy as sa
from google.protobuf.message import Message

from chassis.database.direct import Direct
from chassis.database.engine import Database
from chassis.database.schema import request_table
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.running_call import current_method
from chassis.security.caller import Caller, current_caller
from kernel.clock import to_micros
from kernel.errors import DomainError, ErrorKind

__all__ = ["Endpoint", "MutatingRequest", "current_caller"]

T = TypeVar("T")
R = TypeVar("R", bound=Message)

_requests = request_table.c
_IS_REQUEST = sa.and_(
    _requests.tenant_id == sa.bindparam("of_tenant"),
    _requests.method == sa.bindparam("of_method"),
    _requests.request_id == sa.bindparam("of_request"),
)
_CLAIM = Direct(
    sa.text(
        "INSERT INTO request "
        "(tenant_id, method, request_id, caller, input_hash, response, create_time) VALUES "
        "(:tenant_id, :method, :request_id, :caller, :input_hash, :response, :create_time) "
        "ON CONFLICT DO NOTHING RETURNING 1"
    )
)
_KEEP = Direct(sa.update(request_table).where(_IS_REQUEST).values(response=sa.bindparam("answer")))
_FIND = Direct(
    sa.select(_requests.caller, _requests.input_hash, _requests.response).where(_IS_REQUEST)
)


class MutatingRequest(Protocol):
    """A request that may be repeated without repeating its effect."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:  # noqa: N802
        """The request as protobuf bytes."""
        ...


@dataclass(frozen=True, slots=True)
class _RequestKey:
    """What makes two requests the same one, and tells an altered one."""

    tenant_id: str
    method: str
    request_id: str
    caller: str
    input_hash: bytes

    @classmethod
    def of(cls, request: MutatingRequest, caller: Caller) -> "_RequestKey":
        return cls(
            caller.tenant_id,
            current_method(),
            request.request_id,
            caller.subject,
            hashlib.sha256(request.SerializeToString(deterministic=True)).digest(),
        )

    def place(self) -> dict[str, Any]:
        """What finds the row of this request."""
        return {
            "of_tenant": self.tenant_id,
            "of_method": self.method,
            "of_request": self.request_id,
        }


class _Stored(NamedTuple):
    """A request that was answered before, or is just being answered."""

    caller: str
    input_hash: bytes
    response: bytes


class _ValidatedOnly(Exception):  # noqa: N818 nothing went wrong
    """Undoes a transaction that was only to be checked, and carries its answer out."""

    def __init__(self, response: Message) -> None:
        super().__init__()
        self.response = response


class Endpoint:
    """The way from a servicer to its use cases.

    A use case of one transaction is one `mutate`. One that calls other services on its way asks
    `remembered` first, does its steps with `write` (each harmless when repeated), and ends with a
    `mutate`, whose answer is the one that is kept.
    """

    def __init__(
        self, database: Database, after_mutation: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        """`after_mutation` is awaited, with the tenant, before a mutation is answered."""
        self._database = database
        self._after_mutation = after_mutation

    async def mutate(
        self,
        request: MutatingRequest,
        response_type: type[R],
        work: Callable[[UnitOfWork, Caller], R],
        kept: Callable[[R], R] = lambda response: response,
        validate_only: bool = False,
    ) -> R:
        """Run work once for a request_id: a repeated request gets the first answer.

        `kept` makes the answer that a repetition gets, for answers with a secret in them.
        With `validate_only` the work is done and undone: every check is made, nothing is kept.
        Raises INVALID_ARGUMENT REQUEST_ID_REUSED for another request under the same id.
        """
        caller = current_caller()
        key = _RequestKey.of(request, caller)

        def transaction(unit_of_work: UnitOfWork) -> R:
            # Claimed first: a request sent twice at once waits here for the first one's answer.
            if not _claim(unit_of_work, key):
                return _first_answer(unit_of_work.connection, key, response_type)
            response = work(unit_of_work, caller)
            if validate_only:
                raise _ValidatedOnly(response)
            _keep(unit_of_work.connection, key, kept(response))
            return response

        try:
            response = await self._database.write(transaction)
        except _ValidatedOnly as validated:
            return cast(R, validated.response)
        if self._after_mutation is not None:
            await self._after_mutation(caller.tenant_id)
        return response

    async def remembered(self, request: MutatingRequest, response_type: type[R]) -> R | None:
        """The answer that this request got before, if it did. Raises REQUEST_ID_REUSED."""
        key = _RequestKey.of(request, current_caller())

        def lookup(connection: sa.Connection) -> R | None:
            row = _stored(connection, key)
            return None if row is None else _answer(row, key, response_type)

        return await self._database.read(lookup)

    async def write(self, work: Callable[[UnitOfWork, Caller], T]) -> T:
        """Run one step of a use case of several; its repetition must be harmless."""
        caller = current_caller()
        return await self._database.write(lambda unit_of_work: work(unit_of_work, caller))

    async def query(self, work: Callable[[sa.Connection, Caller], T]) -> T:
        """Run a use case that only reads, on one snapshot."""
        caller = current_caller()
        return await self._database.read(lambda connection: work(connection, caller))


def _claim(unit_of_work: UnitOfWork, key: _RequestKey) -> bool:
    """Take the request_id for this transaction; False when it was answered before."""
    claim = {
        "tenant_id": key.tenant_id,
        "method": key.method,
        "request_id": key.request_id,
        "caller": key.caller,
        "input_hash": key.input_hash,
        "response": b"",
        "create_time": to_micros(unit_of_work.now),
    }
    # Not by a number of rows, which the driver of PostgreSQL does not tell here.
    return bool(_CLAIM.rows(unit_of_work.connection, claim))


def _keep(connection: sa.Connection, key: _RequestKey, response: Message) -> None:
    """Store the answer in the transaction of its effect."""
    _KEEP.run(connection, {**key.place(), "answer": response.SerializeToString()})


def _stored(connection: sa.Connection, key: _RequestKey) -> _Stored | None:
    for row in _FIND.rows(connection, key.place()):
        return _Stored(*row)
    return None


def _first_answer(connection: sa.Connection, key: _RequestKey, response_type: type[R]) -> R:
    row = _stored(connection, key)
    assert row is not None, "requests are claimed and forgotten in transactions of their own"
    return _answer(row, key, response_type)


def _answer(row: _Stored, key: _RequestKey, response_type: type[R]) -> R:
    if row.input_hash != key.input_hash or row.caller != key.caller:
        raise DomainError(
            ErrorKind.INVALID_ARGUMENT,
            "REQUEST_ID_REUSED",
            f"request_id {key.request_id} belongs to another request; give every request its own",
            {"request_id": key.request_id, "method": key.method},
        )
    return response_type.FromString(row.response)

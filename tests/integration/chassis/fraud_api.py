"""A small fraud service of the tests' own, with the table it writes and the ways to call it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
import sqlalchemy as sa
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from chassis.database.engine import Database
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.running_call import remaining_seconds
from chassis.grpc.server import GrpcServer, Servicer
from chassis.security.authority import LocalAuthority
from chassis.security.caller import Caller, current_caller
from chassis.settings import CommonSettings
from kernel.errors import DomainError, ErrorKind, FieldViolation
from kernel.ids import new_uuid
from tollbook.cdr.v1 import cdr_service_pb2, cdr_service_pb2_grpc
from tollbook.fraud.v1 import fraud_pb2, fraud_service_pb2, fraud_service_pb2_grpc

FRAUD_SERVICE = "tollbook.fraud.v1.FraudService"
INTAKE_SERVICE = "tollbook.cdr.v1.CallIntakeService"
SCOPES = ("fraud.manage", "fraud.read", "cdr.ingest")
HOUR_SECONDS = 3_600

fraud_metadata = sa.MetaData()
block_table = sa.Table(
    "block",
    fraud_metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
)


def account_blocked(account_id: str) -> DomainError:
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        "ACCOUNT_BLOCKED",
        f"account {account_id} is blocked already",
        {"account_id": account_id},
        [FieldViolation("account_id", "is blocked")],
    )


def source_not_found(code: str) -> DomainError:
    return DomainError(ErrorKind.NOT_FOUND, "SOURCE_NOT_FOUND", f"no source {code}")


def unblock(unit_of_work: UnitOfWork, caller: Caller, account_id: str) -> None:
    """Unblock an account; a second time is an error, as with `block`."""
    mine = sa.and_(
        block_table.c.tenant_id == caller.tenant_id, block_table.c.account_id == account_id
    )
    if not unit_of_work.connection.execute(sa.delete(block_table).where(mine)).rowcount:
        raise DomainError(ErrorKind.FAILED_PRECONDITION, "ACCOUNT_NOT_BLOCKED", account_id)


def block(unit_of_work: UnitOfWork, caller: Caller, account_id: str, reason: str) -> None:
    """Block an account once; a second time is an error, so that a repeated effect would show."""
    known = sa.select(block_table).where(
        block_table.c.tenant_id == caller.tenant_id, block_table.c.account_id == account_id
    )
    if unit_of_work.connection.execute(known).first() is not None:
        raise account_blocked(account_id)
    unit_of_work.connection.execute(
        block_table.insert(),
        {"tenant_id": caller.tenant_id, "account_id": account_id, "reason": reason},
    )


class FraudApi(fraud_service_pb2_grpc.FraudServiceServicer):
    """Blocks accounts; its other methods behave as the tests need."""

    def __init__(self, database: Database) -> None:
        self._endpoint = Endpoint(database)
        self.started = asyncio.Event()
        self.released = asyncio.Event()
        self.remaining_seconds: list[float | None] = []
        self.callers: list[Caller] = []
        self.neighbour: Any = None

    async def BlockAccount(self, request: Any, context: Any) -> Any:
        def work(unit_of_work: UnitOfWork, caller: Caller) -> Any:
            block(unit_of_work, caller, request.account_id, request.reason)
            made = fraud_pb2.Block(account_id=request.account_id, reason=request.reason)
            return fraud_service_pb2.BlockAccountResponse(block=made)

        return await self._endpoint.mutate(request, fraud_service_pb2.BlockAccountResponse, work)

    async def ListBlocks(self, request: Any, context: Any) -> Any:
        self.callers.append(current_caller())

        def work(connection: sa.Connection, caller: Caller) -> list[str]:
            mine = block_table.c.tenant_id == caller.tenant_id
            query = sa.select(block_table.c.account_id).where(mine)
            return list(connection.execute(query).scalars())

        accounts = await self._endpoint.query(work)
        blocks = [fraud_pb2.Block(account_id=account) for account in accounts]
        return fraud_service_pb2.ListBlocksResponse(blocks=blocks)

    async def UnblockAccount(self, request: Any, context: Any) -> Any:
        """Ask a neighbour between two transactions, as a long use case does."""
        answer_type = fraud_service_pb2.UnblockAccountResponse
        if (answer := await self._endpoint.remembered(request, answer_type)) is not None:
            return answer
        await self.neighbour.ListBlocks(fraud_service_pb2.ListBlocksRequest())

        def work(unit_of_work: UnitOfWork, caller: Caller) -> Any:
            unblock(unit_of_work, caller, request.account_id)
            return answer_type()

        return await self._endpoint.mutate(request, answer_type, work)

    async def CreateFraudRule(self, request: Any, context: Any) -> Any:
        """Answer with a secret that is shown once."""

        def work(unit_of_work: UnitOfWork, caller: Caller) -> Any:
            rule = fraud_pb2.FraudRule(fraud_rule_id=new_uuid())
            return fraud_service_pb2.CreateFraudRuleResponse(fraud_rule=rule)

        def kept(response: Any) -> Any:
            return fraud_service_pb2.CreateFraudRuleResponse()

        answer_type = fraud_service_pb2.CreateFraudRuleResponse
        return await self._endpoint.mutate(request, answer_type, work, kept)

    async def UpdateFraudRule(self, request: Any, context: Any) -> Any:
        """Pass the question on to a neighbour that does not answer."""
        await self.neighbour.ListFraudRules(fraud_service_pb2.ListFraudRulesRequest())
        return fraud_service_pb2.UpdateFraudRuleResponse()

    async def ListAlerts(self, request: Any, context: Any) -> Any:
        """Fail as a bug does."""
        raise ZeroDivisionError("the secret of account 42")

    async def ListFraudRules(self, request: Any, context: Any) -> Any:
        """Run until released."""
        self.remaining_seconds.append(remaining_seconds())
        self.started.set()
        await self.released.wait()
        return fraud_service_pb2.ListFraudRulesResponse(next_page_token="finished")


class IntakeApi(cdr_service_pb2_grpc.CallIntakeServiceServicer):
    """Answers each chunk of a stream."""

    async def IngestCallRecords(
        self, request_iterator: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[Any]:
        async for chunk in request_iterator:
            if chunk.source_code == "unknown":
                raise source_not_found(chunk.source_code)
            yield cdr_service_pb2.IngestCallRecordsResponse(
                request_id=f"{current_caller().tenant_id}/{chunk.request_id}"
            )

    async def ImportCallFile(
        self, request_iterator: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[Any]:
        async for piece in request_iterator:
            yield cdr_service_pb2.ImportCallFileResponse(received_count=len(piece.content))


def servicers_of(api: FraudApi) -> list[Servicer]:
    return [
        Servicer(fraud_service_pb2_grpc.add_FraudServiceServicer_to_server, api, FRAUD_SERVICE),
        Servicer(
            cdr_service_pb2_grpc.add_CallIntakeServiceServicer_to_server,
            IntakeApi(),
            INTAKE_SERVICE,
        ),
    ]


@dataclass
class Installation:
    """The served API with the means to call it."""

    api: FraudApi
    server: GrpcServer
    authority: LocalAuthority
    settings: CommonSettings
    folder: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def token(self, tenant_id: str = "acme", scopes: Iterable[str] = SCOPES) -> str:
        return self.authority.mint("tester", tenant_id, scopes, HOUR_SECONDS)


def block_request(account_id: str = "a-1", reason: str = "unpaid", request_id: str = "") -> Any:
    return fraud_service_pb2.BlockAccountRequest(
        account_id=account_id, reason=reason, request_id=request_id or new_uuid()
    )


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in an error that came back on a bare channel."""
    info = ErrorInfo()
    status = rpc_status.from_call(cast(grpc.Call, error))
    [packed] = [detail for detail in status.details if detail.Is(info.DESCRIPTOR)]
    packed.Unpack(info)
    return str(info.reason)

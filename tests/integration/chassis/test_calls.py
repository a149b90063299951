"""A call's whole way: errors, deadlines, validation, streams and the drain."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from chassis.grpc.client import acting_for, connect
from chassis.settings import CommonSettings
from kernel.errors import DomainError, ErrorKind
from kernel.ids import new_uuid
from tests.integration.chassis.fraud_api import (
    FRAUD_SERVICE,
    Installation,
    block_request,
    reason_of,
)
from tollbook.cdr.v1 import cdr_service_pb2, cdr_service_pb2_grpc
from tollbook.fraud.v1 import fraud_pb2, fraud_service_pb2

LIST_RULES = fraud_service_pb2.ListFraudRulesRequest()


async def test_an_error_survives_the_wire_whole(tenant_stub: Any) -> None:
    """The caller catches the very error that was raised on the other side."""
    await tenant_stub.BlockAccount(block_request("a-1"))
    with pytest.raises(DomainError) as caught:
        await tenant_stub.BlockAccount(block_request("a-1"))
    error = caught.value
    assert (error.kind, error.reason) == (ErrorKind.ALREADY_EXISTS, "ACCOUNT_BLOCKED")
    assert error.message == "account a-1 is blocked already"
    assert error.metadata == {"account_id": "a-1"}
    assert [(v.field, v.description) for v in error.field_violations] == [
        ("account_id", "is blocked")
    ]


async def test_an_error_has_one_error_info(installation: Installation, stub: Any) -> None:
    """Clients in any language find reason and domain in the standard place."""
    metadata = (("authorization", f"Bearer {installation.token()}"),)
    request = fraud_service_pb2.BlockAccountRequest(request_id=new_uuid(), reason="unpaid")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.BlockAccount(request, metadata=metadata)
    status = rpc_status.from_call(cast(grpc.Call, caught.value))
    info, bad_request = ErrorInfo(), BadRequest()
    assert [detail.Is(ErrorInfo.DESCRIPTOR) for detail in status.details] == [True, False]
    status.details[0].Unpack(info)
    status.details[1].Unpack(bad_request)
    assert (info.reason, info.domain) == ("INVALID_REQUEST", "fraud.tollbook")
    assert [violation.field for violation in bad_request.field_violations] == ["account_id"]


async def test_a_bug_is_logged_and_leaks_nothing(
    installation: Installation, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller learns that it failed, the log learns why."""
    metadata = (("authorization", f"Bearer {installation.token()}"),)
    with caplog.at_level(logging.ERROR), pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListAlerts(fraud_service_pb2.ListAlertsRequest(), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert reason_of(caught.value) == "INTERNAL_ERROR"
    assert "42" not in f"{caught.value.details()} {caught.value.trailing_metadata()}"
    assert "ZeroDivisionError: the secret of account 42" in caplog.text


async def test_a_bug_of_a_neighbour_is_no_expected_failure(tenant_stub: Any) -> None:
    """Code that handles refusals does not take it for one."""
    with pytest.raises(grpc.aio.AioRpcError):
        await tenant_stub.ListAlerts(fraud_service_pb2.ListAlertsRequest())


async def test_a_service_that_is_away_is_unavailable() -> None:
    """Nobody listens on the discard port."""
    async with connect("127.0.0.1:9", "tollbook.fraud.v1", CommonSettings()) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(DomainError) as caught:
            await health.Check(health_pb2.HealthCheckRequest())
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert caught.value.reason == "SERVICE_UNAVAILABLE"


async def test_a_call_ends_at_its_deadline(tenant_stub: Any) -> None:
    """A neighbour that does not answer holds nobody for ever."""
    with pytest.raises(DomainError, match="DEADLINE_EXCEEDED"):
        await tenant_stub.ListFraudRules(LIST_RULES, timeout=0.2)


async def test_a_call_without_a_deadline_gets_that_of_the_contract(
    installation: Installation, stub: Any
) -> None:
    """Five seconds for the lists of fraud, whatever client forgot to say so."""
    metadata = (("authorization", f"Bearer {installation.token()}"),)
    call = stub.ListFraudRules(LIST_RULES, metadata=metadata)
    await installation.api.started.wait()
    installation.api.released.set()
    await call
    [seconds] = installation.api.remaining_seconds
    assert seconds == pytest.approx(5, abs=0.5)


async def test_work_that_cannot_be_finished_in_time_is_not_begun(
    installation: Installation, stub: Any
) -> None:
    """Its answer would come too late for anybody."""
    metadata = (("authorization", f"Bearer {installation.token()}"),)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListFraudRules(LIST_RULES, metadata=metadata, timeout=0.002)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert installation.api.remaining_seconds == []


async def test_the_deadline_is_handed_on(installation: Installation, our_stub: Any) -> None:
    """The second service has no longer than the first one's caller waits."""
    request = fraud_service_pb2.UpdateFraudRuleRequest(
        fraud_rule=fraud_pb2.FraudRule(fraud_rule_id=new_uuid()), request_id=new_uuid()
    )
    call = our_stub("acme").UpdateFraudRule(request, timeout=1)
    answered = asyncio.ensure_future(call)
    await installation.api.started.wait()
    installation.api.released.set()
    await answered
    [seconds] = installation.api.remaining_seconds
    assert seconds == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize(
    ("request_to_block", "field"),
    [
        (block_request(account_id=""), "account_id"),
        (block_request(reason="x" * 5_000), "reason"),
        (block_request(reason="a\0b"), "reason"),
        (block_request(request_id="not-a-uuid"), "request_id"),
        (fraud_service_pb2.BlockAccountRequest(account_id="a", reason="b"), "request_id"),
    ],
)
async def test_a_request_that_breaks_its_contract_is_refused(
    tenant_stub: Any, request_to_block: Any, field: str
) -> None:
    """It says which field, and what to do."""
    with pytest.raises(DomainError) as caught:
        await tenant_stub.BlockAccount(request_to_block)
    assert caught.value.reason == "INVALID_REQUEST"
    assert [violation.field for violation in caught.value.field_violations] == [field]


async def test_a_negative_page_size_is_refused(tenant_stub: Any) -> None:
    """Zero asks for the default, less is a slip."""
    with pytest.raises(DomainError, match="page_size is -1"):
        await tenant_stub.ListBlocks(fraud_service_pb2.ListBlocksRequest(page_size=-1))


@pytest.fixture
async def intake(installation: Installation) -> AsyncIterator[Any]:
    token_file = installation.folder / "intake.token"
    token_file.write_text(installation.token("*"))
    settings = CommonSettings(service_token_file=token_file)
    async with connect(installation.address, "tollbook.cdr.v1", settings) as channel:
        yield cdr_service_pb2_grpc.CallIntakeServiceStub(channel)


def chunk(request_id: str, source_code: str = "pbx") -> Any:
    return cdr_service_pb2.IngestCallRecordsRequest(source_code=source_code, request_id=request_id)


async def test_a_stream_passes_the_same_doors(intake: Any) -> None:
    """Its chunks are answered in order, for the tenant that was named."""
    ids = [new_uuid() for _ in range(3)]
    with acting_for("acme"):
        answers = intake.IngestCallRecords(iter([chunk(request_id) for request_id in ids]))
        received = [answer.request_id async for answer in answers]
    assert received == [f"acme/{request_id}" for request_id in ids]


@pytest.mark.parametrize(
    ("tenant", "bad_chunk", "reason"),
    [
        ("A B", chunk(new_uuid()), "TENANT_MALFORMED"),
        ("acme", chunk("none"), "INVALID_REQUEST"),
        ("acme", chunk(new_uuid(), "unknown"), "SOURCE_NOT_FOUND"),
    ],
)
async def test_a_stream_is_refused_like_any_call(
    intake: Any, tenant: str, bad_chunk: Any, reason: str
) -> None:
    """By access, by validation, by the service itself; also after good chunks."""
    with acting_for(tenant):
        answers = aiter(intake.IngestCallRecords(iter([chunk(new_uuid()), bad_chunk])))
        if reason != "TENANT_MALFORMED":
            await anext(answers)
        with pytest.raises(DomainError, match=reason):
            await anext(answers)


async def test_the_reason_of_a_refusal_reaches_a_client_that_still_sends(intake: Any) -> None:
    """An import of a large file from an unknown source learns that the source is unknown."""
    chunks = [chunk(new_uuid(), "unknown") for _ in range(50)]
    for each in chunks:
        each.records.add(caller="4" * 50_000)
    with acting_for("acme"), pytest.raises(DomainError, match="SOURCE_NOT_FOUND"):
        await anext(aiter(intake.IngestCallRecords(iter(chunks))))


async def test_a_drain_lets_running_calls_finish(
    installation: Installation, channel: grpc.aio.Channel, our_stub: Any
) -> None:
    """Probes see it, new calls go elsewhere, the running one gets its answer."""
    health: Any = health_pb2_grpc.HealthStub(channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service=FRAUD_SERVICE))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    running = asyncio.ensure_future(our_stub("acme").ListFraudRules(LIST_RULES))
    await installation.api.started.wait()
    draining = asyncio.create_task(installation.server.drain(grace_seconds=30))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    watch.cancel()
    installation.api.released.set()
    assert (await running).next_page_token == "finished"
    await draining
    # The second, where gRPC waits for a server that still took the connection and then went away.
    with pytest.raises(DomainError, match=r"SERVICE_UNAVAILABLE|DEADLINE_EXCEEDED"):
        await our_stub("acme").ListBlocks(fraud_service_pb2.ListBlocksRequest())

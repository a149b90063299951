"""No door is open: every call says who makes it, and gets no further than it may."""

from collections.abc import Mapping
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis.grpc import access
from chassis.grpc.access import AccessTableError, MethodAccess, access_rules, admitted
from chassis.grpc.client import acting_for
from chassis.grpc.contracts import read_table
from chassis.security.authority import LocalAuthority
from chassis.security.caller import Caller
from kernel.errors import DomainError
from tests.integration.chassis.fraud_api import (
    FRAUD_SERVICE,
    HOUR_SECONDS,
    SCOPES,
    Installation,
    block_request,
    reason_of,
)
from tollbook.fraud.v1 import fraud_service_pb2

LIST_BLOCKS = fraud_service_pb2.ListBlocksRequest()


def bearer(token: str, **more: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"), *more.items())


async def refusal(stub: Any, metadata: Any = ()) -> tuple[grpc.StatusCode, str]:
    """How ListBlocks is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListBlocks(LIST_BLOCKS, metadata=metadata)
    return caught.value.code(), reason_of(caught.value)


async def test_a_call_without_a_credential_is_refused(stub: Any) -> None:
    """Not even on loopback is a door open."""
    assert await refusal(stub) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_MISSING")


@pytest.mark.parametrize("value", ["Bearer nonsense", "Basic YTpi", "Bearer a.b.c", "Bearer "])
async def test_a_made_up_token_is_refused(stub: Any, value: str) -> None:
    """Whatever is sent instead of a token."""
    expected = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
    assert await refusal(stub, (("authorization", value),)) == expected


async def test_a_token_of_another_authority_is_refused(
    installation: Installation, stub: Any
) -> None:
    """A laptop's own authority signs nothing for production."""
    stranger = LocalAuthority.open(installation.folder / "stranger")
    token = stranger.mint("mallory", "acme", SCOPES, HOUR_SECONDS)
    expected = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
    assert await refusal(stub, bearer(token)) == expected


async def test_an_expired_token_is_refused(installation: Installation, stub: Any) -> None:
    """It says so, so that the caller knows to fetch another."""
    token = installation.authority.mint("tester", "acme", SCOPES, -HOUR_SECONDS)
    expected = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
    assert await refusal(stub, bearer(token)) == expected


async def test_a_caller_without_the_scope_is_refused(installation: Installation, stub: Any) -> None:
    """Who may block accounts may not therefore read the blocks."""
    token = installation.token(scopes=["fraud.manage"])
    expected = (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert await refusal(stub, bearer(token)) == expected


async def test_access_is_checked_before_the_request_is(
    installation: Installation, stub: Any
) -> None:
    """A stranger learns nothing about what a request should be like."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.BlockAccount(fraud_service_pb2.BlockAccountRequest())
    assert reason_of(caught.value) == "CREDENTIAL_MISSING"


async def test_a_tenant_cannot_act_for_another(installation: Installation, stub: Any) -> None:
    """The tenant is the credential's, whatever the call says."""
    metadata = bearer(installation.token("acme"), **{"tollbook-tenant": "globex"})
    expected = (grpc.StatusCode.PERMISSION_DENIED, "TENANT_MISMATCH")
    assert await refusal(stub, metadata) == expected


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, "TENANT_REQUIRED"),
        ({"tollbook-tenant": "*"}, "TENANT_MALFORMED"),
        ({"tollbook-tenant": "a' or 1=1"}, "TENANT_MALFORMED"),
    ],
)
async def test_a_platform_credential_names_its_tenant(
    installation: Installation, stub: Any, metadata: Mapping[str, str], reason: str
) -> None:
    """An operator of the installation never acts for nobody or for all at once by accident."""
    code, found = await refusal(stub, bearer(installation.token("*"), **metadata))
    assert (code, found) == (grpc.StatusCode.INVALID_ARGUMENT, reason)


async def test_each_tenant_sees_its_own_only(installation: Installation, stub: Any) -> None:
    """Two tenants block accounts of the same code; neither sees the other's."""
    acme, globex = installation.token("acme"), installation.token("globex")
    await stub.BlockAccount(block_request("a-1"), metadata=bearer(acme))
    await stub.BlockAccount(block_request("a-1"), metadata=bearer(globex))
    await stub.BlockAccount(block_request("a-2"), metadata=bearer(globex))
    listed = await stub.ListBlocks(LIST_BLOCKS, metadata=bearer(acme))
    assert [block.account_id for block in listed.blocks] == ["a-1"]


async def test_a_service_acts_for_the_tenant_it_names(
    installation: Installation, our_stub: Any
) -> None:
    """Background work has a platform credential and says for whom it works."""
    with acting_for("globex"):
        await our_stub().ListBlocks(LIST_BLOCKS)
    [caller] = installation.api.callers
    assert (caller.subject, caller.tenant_id) == ("tester", "globex")


async def test_a_replaced_token_is_used_at_once(installation: Installation, our_stub: Any) -> None:
    """A sidecar renews the token file while the service runs."""
    token_file = installation.folder / "service.token"
    token_file.write_text("expired")
    stub = our_stub(token_file=token_file)
    with pytest.raises(DomainError, match="TOKEN_INVALID"):
        await stub.ListBlocks(LIST_BLOCKS)
    token_file.write_text(installation.token("acme"))
    await stub.ListBlocks(LIST_BLOCKS)
    assert [caller.tenant_id for caller in installation.api.callers] == ["acme"]


async def test_probes_need_no_credential(channel: grpc.aio.Channel) -> None:
    """Kubernetes asks for health without a token."""
    health: Any = health_pb2_grpc.HealthStub(channel)
    for service in ("", FRAUD_SERVICE):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_asks_for_any_valid_credential(
    installation: Installation, channel: grpc.aio.Channel
) -> None:
    """The shape of the contracts is for callers of the installation, not for passers-by."""
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(cast(grpc.Channel, channel))
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        [_ async for _ in reflection.ServerReflectionInfo(iter([question]))]
    assert reason_of(caught.value) == "CREDENTIAL_MISSING"
    metadata = bearer(installation.token(scopes=[]))
    answers = reflection.ServerReflectionInfo(iter([question]), metadata=metadata)
    [answer] = [answer async for answer in answers]
    assert FRAUD_SERVICE in [service.name for service in answer.list_services_response.service]


def test_a_method_without_a_rule_keeps_the_server_from_starting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rule forgotten beside the contract is found before the first call, not after a theft."""
    whole = read_table("tollbook.fraud.v1", "access")
    del whole["methods"][f"{FRAUD_SERVICE}/BlockAccount"]
    monkeypatch.setattr(access, "read_table", lambda package, kind: whole)
    with pytest.raises(AccessTableError, match="FraudService/BlockAccount"):
        access_rules([FRAUD_SERVICE])


def test_only_a_platform_credential_reaches_across_tenants() -> None:
    """The digests that reconcile compares span all tenants."""
    rule = MethodAccess("cdr.audit", spans_tenants=True)
    scopes = frozenset({"cdr.audit"})
    with pytest.raises(DomainError, match="PLATFORM_CREDENTIAL_REQUIRED"):
        admitted(Caller("auditor", "acme", scopes), rule, None)
    assert admitted(Caller("operator", "*", scopes), rule, None).tenant_id == "*"

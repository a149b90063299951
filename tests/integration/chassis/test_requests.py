"""A repeated request has one effect and gets the first answer, on both databases."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.integration.chassis.fraud_api import block_request
from tests.support.postgresql_server import create_database, drop_database
from tollbook.fraud.v1 import fraud_pb2, fraud_service_pb2


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'fraud.sqlite3'}"
        return
    server, name = request.getfixturevalue("postgresql_url"), f"requests_{new_uuid()[-12:]}"
    yield create_database(server, name)
    drop_database(server, name)


async def test_a_repeated_request_gets_the_first_answer(tenant_stub: Any) -> None:
    """The client lost the answer and asks again; the account is blocked once."""
    request = block_request()
    first = await tenant_stub.BlockAccount(request)
    assert await tenant_stub.BlockAccount(request) == first


async def test_requests_sent_twice_at_once_have_one_effect(tenant_stub: Any) -> None:
    """All of them get the one answer."""
    request = block_request()
    answers = await asyncio.gather(*(tenant_stub.BlockAccount(request) for _ in range(8)))
    assert all(answer == answers[0] for answer in answers)


async def test_an_altered_request_under_a_used_id_is_refused(tenant_stub: Any) -> None:
    """Nobody may believe that the second block was set."""
    request = block_request("a-1")
    await tenant_stub.BlockAccount(request)
    with pytest.raises(DomainError, match="REQUEST_ID_REUSED"):
        await tenant_stub.BlockAccount(block_request("a-2", request_id=request.request_id))


async def test_a_failed_request_may_be_tried_again(tenant_stub: Any) -> None:
    """A refusal is not remembered: what was in the way may be gone."""
    request = fraud_service_pb2.UnblockAccountRequest(
        account_id="a-1", reason="paid", request_id=new_uuid()
    )
    with pytest.raises(DomainError, match="ACCOUNT_NOT_BLOCKED"):
        await tenant_stub.UnblockAccount(request)
    await tenant_stub.BlockAccount(block_request("a-1"))
    await tenant_stub.UnblockAccount(request)


async def test_two_tenants_may_use_one_request_id(our_stub: Any) -> None:
    """They know nothing of each other."""
    request = block_request()
    first = await our_stub("acme").BlockAccount(request)
    assert await our_stub("globex").BlockAccount(request) == first


async def test_a_use_case_of_several_steps_is_repeated_as_one(tenant_stub: Any) -> None:
    """Unblocking asks a neighbour on its way; its repetition gets the first answer all the same."""
    await tenant_stub.BlockAccount(block_request("a-1"))
    request = fraud_service_pb2.UnblockAccountRequest(
        account_id="a-1", reason="paid", request_id=new_uuid()
    )
    first = await tenant_stub.UnblockAccount(request)
    assert await tenant_stub.UnblockAccount(request) == first


async def test_a_secret_is_shown_once(tenant_stub: Any) -> None:
    """What a repetition may not see again is not stored either."""
    request = fraud_service_pb2.CreateFraudRuleRequest(
        fraud_rule=fraud_pb2.FraudRule(), request_id=new_uuid()
    )
    first = await tenant_stub.CreateFraudRule(request)
    again = await tenant_stub.CreateFraudRule(request)
    assert first.fraud_rule.fraud_rule_id
    assert not again.fraud_rule.fraud_rule_id

"""FraudService as an operator sees it, without the network."""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.database.engine import Database
from chassis.grpc import running_call
from chassis.grpc.endpoint import Endpoint
from chassis.security import caller
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.fraud.api.fraud_service import FraudApi
from services.fraud.domain.rule import RuleKind
from tests.conformance.fraud.watcher import ANN, BOB, Rated, Watcher
from tollbook.fraud.v1 import fraud_pb2, fraud_service_pb2

EURO = 10**6


@pytest.fixture
async def api(database: Database) -> FraudApi:
    """The servicer, called by an operator of the tenant acme."""
    caller.enter_call(caller.Caller("ops@acme", "acme", frozenset()))
    running_call.enter_call("tollbook.fraud.v1.FraudService/Method", None)
    return FraudApi(Endpoint(database))


def calls_rule(count_limit: int) -> fraud_pb2.FraudRule:
    return fraud_pb2.FraudRule(
        kind=fraud_pb2.RULE_KIND_CALL_VELOCITY,
        window=Duration(seconds=600),
        enabled=True,
        count_limit=count_limit,
    )


async def create(api: FraudApi, rule: fraud_pb2.FraudRule) -> fraud_pb2.FraudRule:
    request = fraud_service_pb2.CreateFraudRuleRequest(fraud_rule=rule, request_id=new_uuid())
    response = await api.CreateFraudRule(request, None)
    return response.fraud_rule


async def update(api: FraudApi, rule: fraud_pb2.FraudRule, *paths: str) -> fraud_pb2.FraudRule:
    request = fraud_service_pb2.UpdateFraudRuleRequest(
        fraud_rule=rule, update_mask=FieldMask(paths=paths), request_id=new_uuid()
    )
    response = await api.UpdateFraudRule(request, None)
    return response.fraud_rule


async def test_a_rule_of_a_taken_id_is_refused(api: FraudApi) -> None:
    """The creator's id says which rule is meant, so it cannot mean two."""
    rule = calls_rule(count_limit=3)
    rule.fraud_rule_id = new_uuid()
    await create(api, rule)
    with pytest.raises(DomainError, match="FRAUD_RULE_EXISTS"):
        await create(api, rule)


async def test_an_update_of_a_stale_rule_is_refused(api: FraudApi) -> None:
    """Two operators change one rule: the second has not seen what the first did."""
    stale = await create(api, calls_rule(count_limit=3))
    stale.count_limit = 5
    changed = await update(api, stale, "count_limit")
    assert (changed.count_limit, changed.etag) == (5, "2")
    with pytest.raises(DomainError, match="ETAG_MISMATCH"):
        await update(api, stale, "count_limit")


async def test_a_rule_that_is_not_there_cannot_be_changed(api: FraudApi) -> None:
    """Not even when another tenant has it."""
    rule = await create(api, calls_rule(count_limit=3))
    caller.enter_call(caller.Caller("ops@globex", "globex", frozenset()))
    with pytest.raises(DomainError, match="FRAUD_RULE_NOT_FOUND"):
        await update(api, rule, "enabled")


async def test_a_switched_off_rule_raises_nothing(api: FraudApi, watcher: Watcher) -> None:
    """Disabled rules count nothing."""
    rule = await create(api, calls_rule(count_limit=1))
    rule.enabled = False
    await update(api, rule, "enabled")
    await watcher.see(Rated(), Rated(minute=1))
    assert await watcher.alerts() == []


async def test_another_window_starts_empty_and_another_limit_does_not(
    api: FraudApi, watcher: Watcher
) -> None:
    """Three calls are too many for the new limit of two; not once the window was changed."""
    rule = await create(api, calls_rule(count_limit=9))
    await watcher.see(Rated(), Rated(minute=1), Rated(account_id=BOB), Rated(1, account_id=BOB))
    rule = await update(api, fraud_pb2.FraudRule(fraud_rule_id=rule.fraud_rule_id, count_limit=2))
    await watcher.see(Rated(minute=2))
    assert [alert.account_id for alert in await watcher.alerts()] == [ANN]
    rule.window.seconds = 1200
    await update(api, rule, "window")
    await watcher.see(Rated(minute=2, account_id=BOB))
    assert len(await watcher.alerts()) == 1


async def test_lists_come_page_by_page(api: FraudApi, watcher: Watcher) -> None:
    """Alerts newest first; the pages together are the whole list, each alert once."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=1)
    for number in range(5):
        await watcher.see(Rated(minute=200 * number, amount=2 * EURO))
    token = ""
    pages: list[list[int]] = []
    while not pages or token:
        request = fraud_service_pb2.ListAlertsRequest(page_size=2, page_token=token, account_id=ANN)
        response = await api.ListAlerts(request, None)
        pages.append([alert.first_call_time.seconds for alert in response.alerts])
        token = response.next_page_token
    assert [len(page) for page in pages] == [2, 2, 1]
    listed = [seconds for page in pages for seconds in page]
    assert listed == sorted(set(listed), reverse=True)


async def test_a_blocked_account_is_listed_until_it_is_unblocked(api: FraudApi) -> None:
    """The block says who, why and since when."""
    request = fraud_service_pb2.BlockAccountRequest(
        account_id=ANN, reason="called from prison", request_id=new_uuid()
    )
    blocked = await api.BlockAccount(request, None)
    listed = await api.ListBlocks(fraud_service_pb2.ListBlocksRequest(), None)
    assert list(listed.blocks) == [blocked.block]
    assert (blocked.block.actor, blocked.block.reason) == ("ops@acme", "called from prison")
    await api.UnblockAccount(
        fraud_service_pb2.UnblockAccountRequest(
            account_id=ANN, reason="it was me", request_id=new_uuid()
        ),
        None,
    )
    listed = await api.ListBlocks(fraud_service_pb2.ListBlocksRequest(), None)
    assert not listed.blocks


async def test_a_reason_is_asked_for(api: FraudApi) -> None:
    """Whoever reads the block later wants to know why."""
    request = fraud_service_pb2.BlockAccountRequest(
        account_id=ANN, reason=" ", request_id=new_uuid()
    )
    with pytest.raises(DomainError, match="reason"):
        await api.BlockAccount(request, None)

"""FraudService: rules, alerts and blocks for the operators of a tenant."""

from typing import Any

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import next_page_token, requested_page
from chassis.security.caller import Caller
from services.fraud.api.convert import (
    alert_to_proto,
    block_to_proto,
    check_uuid,
    rule_change,
    rule_from_proto,
    rule_to_proto,
)
from services.fraud.store.accounts import list_blocks
from services.fraud.store.alerts import list_alerts
from services.fraud.store.rules import list_rules
from services.fraud.usecases.block_account import block_account
from services.fraud.usecases.create_fraud_rule import create_fraud_rule
from services.fraud.usecases.unblock_account import unblock_account
from services.fraud.usecases.update_fraud_rule import update_fraud_rule
from tollbook.fraud.v1 import fraud_service_pb2 as pb
from tollbook.fraud.v1.fraud_service_pb2_grpc import FraudServiceServicer


class FraudApi(FraudServiceServicer):
    """Converts, runs the use case, converts back."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreateFraudRule(
        self, request: pb.CreateFraudRuleRequest, context: Any
    ) -> pb.CreateFraudRuleResponse:
        """Create a rule."""
        rule = rule_from_proto(request.fraud_rule)

        def work(uow: UnitOfWork, caller: Caller) -> pb.CreateFraudRuleResponse:
            created = create_fraud_rule(uow, caller.tenant_id, rule)
            return pb.CreateFraudRuleResponse(fraud_rule=rule_to_proto(created))

        return await self._endpoint.mutate(request, pb.CreateFraudRuleResponse, work)

    async def UpdateFraudRule(
        self, request: pb.UpdateFraudRuleRequest, context: Any
    ) -> pb.UpdateFraudRuleResponse:
        """Change a rule."""
        message = request.fraud_rule
        fraud_rule_id = check_uuid("fraud_rule.fraud_rule_id", message.fraud_rule_id)
        change = rule_change(message, list(request.update_mask.paths))

        def work(uow: UnitOfWork, caller: Caller) -> pb.UpdateFraudRuleResponse:
            rule = update_fraud_rule(uow, caller.tenant_id, fraud_rule_id, message.etag, change)
            return pb.UpdateFraudRuleResponse(fraud_rule=rule_to_proto(rule))

        return await self._endpoint.mutate(request, pb.UpdateFraudRuleResponse, work)

    async def ListFraudRules(
        self, request: pb.ListFraudRulesRequest, context: Any
    ) -> pb.ListFraudRulesResponse:
        """List the rules by id."""
        page = await self._endpoint.query(
            lambda connection, caller: list_rules(
                connection, caller.tenant_id, requested_page(request)
            )
        )
        return pb.ListFraudRulesResponse(
            fraud_rules=map(rule_to_proto, page.items), next_page_token=next_page_token(page)
        )

    async def ListAlerts(
        self, request: pb.ListAlertsRequest, context: Any
    ) -> pb.ListAlertsResponse:
        """List the alerts, newest first."""
        account_id = request.account_id and check_uuid("account_id", request.account_id)
        asked = requested_page(request)
        page = await self._endpoint.query(
            lambda connection, caller: list_alerts(connection, caller.tenant_id, account_id, asked)
        )
        return pb.ListAlertsResponse(
            alerts=map(alert_to_proto, page.items), next_page_token=next_page_token(page)
        )

    async def BlockAccount(
        self, request: pb.BlockAccountRequest, context: Any
    ) -> pb.BlockAccountResponse:
        """Block an account."""
        account_id = check_uuid("account_id", request.account_id)

        def work(uow: UnitOfWork, caller: Caller) -> pb.BlockAccountResponse:
            block = block_account(uow, caller.tenant_id, account_id, request.reason, caller.subject)
            return pb.BlockAccountResponse(block=block_to_proto(block))

        return await self._endpoint.mutate(request, pb.BlockAccountResponse, work)

    async def UnblockAccount(
        self, request: pb.UnblockAccountRequest, context: Any
    ) -> pb.UnblockAccountResponse:
        """Unblock an account."""
        account_id = check_uuid("account_id", request.account_id)

        def work(uow: UnitOfWork, caller: Caller) -> pb.UnblockAccountResponse:
            unblock_account(uow, caller.tenant_id, account_id, request.reason)
            return pb.UnblockAccountResponse()

        return await self._endpoint.mutate(request, pb.UnblockAccountResponse, work)

    async def ListBlocks(
        self, request: pb.ListBlocksRequest, context: Any
    ) -> pb.ListBlocksResponse:
        """List the blocks by account."""
        page = await self._endpoint.query(
            lambda connection, caller: list_blocks(
                connection, caller.tenant_id, requested_page(request)
            )
        )
        return pb.ListBlocksResponse(
            blocks=map(block_to_proto, page.items), next_page_token=next_page_token(page)
        )

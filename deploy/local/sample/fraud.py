"""Watches for fraud: rules before the calls, the alert after them, a block and its end."""

from google.protobuf.duration_pb2 import Duration

from chassis.grpc.client import acting_for
from chassis.grpc.convert import money_to_proto
from deploy.local.sample.calls import FRAUD_ACCOUNT
from deploy.local.sample.directory import account_id_of
from deploy.local.sample.operator import AURORA, TENANTS
from deploy.local.sample.session import Session, fixed_id, until
from kernel.errors import DomainError
from kernel.money import MICROS_PER_UNIT, Money
from tollbook.fraud.v1 import fraud_pb2, fraud_service_pb2
from tollbook.fraud.v1 import fraud_service_pb2_grpc as fraud_grpc
from tollbook.rating.v1 import rating_service_pb2
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

HOUR_SECONDS = 3_600
DEAR_MINUTE = Money("EUR", 2 * MICROS_PER_UNIT)
DEAR_CALLS_MAX = 10
SPEND_MAX = Money("EUR", 1_000 * MICROS_PER_UNIT)
CALLS_PER_HOUR_MAX = 120


async def create_rules(session: Session) -> None:
    """Give each tenant a rule of each kind; the dear one blocks."""
    fraud = fraud_grpc.FraudServiceStub(session.channels["fraud"])
    for tenant in TENANTS:
        with acting_for(tenant.tenant_id):
            for rule in _rules(tenant.tenant_id):
                await fraud.CreateFraudRule(
                    fraud_service_pb2.CreateFraudRuleRequest(
                        fraud_rule=rule, request_id=rule.fraud_rule_id
                    )
                )


async def show_alert(session: Session) -> None:
    """Wait for the alert and the block it caused, see a call refused, and unblock the account."""
    fraud = fraud_grpc.FraudServiceStub(session.channels["fraud"])
    victim = account_id_of(AURORA, FRAUD_ACCOUNT)
    with acting_for(AURORA.tenant_id):
        alert = await _alert(fraud, victim)
        session.report("Fraud alert", f"{FRAUD_ACCOUNT}: {alert.message}")
        refusal = await _price_is_refused(session, victim)
        await fraud.UnblockAccount(
            fraud_service_pb2.UnblockAccountRequest(
                account_id=victim,
                reason="the customer has changed the telephone's password",
                request_id=fixed_id("unblock", victim),
            )
        )
    session.report("Blocked, unblocked", refusal)


def _rules(tenant_id: str) -> list[fraud_pb2.FraudRule]:
    dear = fraud_pb2.FraudRule(
        fraud_rule_id=fixed_id(tenant_id, "rule", "dear destination"),
        kind=fraud_pb2.RULE_KIND_DEAR_DESTINATION,
        window=Duration(seconds=HOUR_SECONDS),
        amount_limit=money_to_proto(DEAR_MINUTE),
        count_limit=DEAR_CALLS_MAX,
        action=fraud_pb2.RULE_ACTION_BLOCK,
        enabled=True,
    )
    spend = fraud_pb2.FraudRule(
        fraud_rule_id=fixed_id(tenant_id, "rule", "spend"),
        kind=fraud_pb2.RULE_KIND_SPEND_VELOCITY,
        window=Duration(seconds=24 * HOUR_SECONDS),
        amount_limit=money_to_proto(SPEND_MAX),
        action=fraud_pb2.RULE_ACTION_ALERT,
        enabled=True,
    )
    calls = fraud_pb2.FraudRule(
        fraud_rule_id=fixed_id(tenant_id, "rule", "calls"),
        kind=fraud_pb2.RULE_KIND_CALL_VELOCITY,
        window=Duration(seconds=HOUR_SECONDS),
        count_limit=CALLS_PER_HOUR_MAX,
        action=fraud_pb2.RULE_ACTION_ALERT,
        enabled=True,
    )
    return [dear, spend, calls]


async def _alert(fraud: fraud_grpc.FraudServiceStub, victim: str) -> fraud_pb2.Alert:
    async def look() -> fraud_pb2.Alert | None:
        page = await fraud.ListAlerts(fraud_service_pb2.ListAlertsRequest(account_id=victim))
        return page.alerts[0] if page.alerts else None

    return await until(f"an alert about {FRAUD_ACCOUNT}", look)


async def _price_is_refused(session: Session, victim: str) -> str:
    """Wait until rating heeds the block; an earlier run may have lifted it already."""
    rating = rating_grpc.RatingServiceStub(session.channels["rating"])
    fraud = fraud_grpc.FraudServiceStub(session.channels["fraud"])

    async def look() -> str | None:
        try:
            await rating.PriceCall(
                rating_service_pb2.PriceCallRequest(
                    account_id=victim, callee="+442079460123", duration=Duration(seconds=60)
                )
            )
        except DomainError as error:
            if error.reason != "ACCOUNT_BLOCKED":
                raise
            return str(error)
        blocks = await fraud.ListBlocks(fraud_service_pb2.ListBlocksRequest())
        is_blocked = any(block.account_id == victim for block in blocks.blocks)
        return None if is_blocked else f"{FRAUD_ACCOUNT} was unblocked before"

    return await until(f"rating heeds the block of {FRAUD_ACCOUNT}", look)

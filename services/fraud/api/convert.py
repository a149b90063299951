"""Messages of the contract to values of the domain and back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration

from chassis.grpc.convert import (
    duration_ms_from_proto,
    duration_ms_to_proto,
    money_from_proto,
    money_to_proto,
    time_to_proto,
)
from kernel.clock import from_micros
from kernel.ids import is_uuid, new_uuid
from services.fraud.domain.alert import Alert
from services.fraud.domain.block import Block
from services.fraud.domain.errors import invalid_field
from services.fraud.domain.rule import FraudRule, RuleAction, RuleKind
from tollbook.fraud.v1 import fraud_pb2 as pb

MILLISECOND = timedelta(milliseconds=1)

# How each field that an update may name is read from the message.
_FIELDS: dict[str, Callable[[pb.FraudRule], Any]] = {
    "kind": lambda message: _kind(message.kind),
    "window": lambda message: _window(message.window),
    "amount_limit": lambda message: (
        money_from_proto(message.amount_limit) if message.HasField("amount_limit") else None
    ),
    "count_limit": lambda message: message.count_limit,
    "action": lambda message: RuleAction(message.action or RuleAction.ALERT),
    "enabled": lambda message: message.enabled,
}


def rule_from_proto(message: pb.FraudRule) -> FraudRule:
    """A new rule; its id is the creator's or ours."""
    fraud_rule_id = message.fraud_rule_id or new_uuid()
    check_uuid("fraud_rule.fraud_rule_id", fraud_rule_id)
    values = {name: read(message) for name, read in _FIELDS.items()}
    return FraudRule(fraud_rule_id=fraud_rule_id, **values)


def rule_change(message: pb.FraudRule, paths: list[str]) -> Callable[[FraudRule], FraudRule]:
    """What an update asks for: the named fields; without names, every field that is set."""
    for path in paths:
        if path not in _FIELDS:
            raise invalid_field("update_mask", f"{path!r} is none of {', '.join(_FIELDS)}")
    names = paths or [field.name for field, _ in message.ListFields() if field.name in _FIELDS]
    values = {name: _FIELDS[name](message) for name in names}
    return lambda rule: replace(rule, **values)


def rule_to_proto(rule: FraudRule) -> pb.FraudRule:
    """A rule with its etag."""
    return pb.FraudRule(
        fraud_rule_id=rule.fraud_rule_id,
        kind=pb.RuleKind.ValueType(rule.kind),
        window=duration_ms_to_proto(rule.window // MILLISECOND),
        amount_limit=money_to_proto(rule.amount_limit) if rule.amount_limit else None,
        count_limit=rule.count_limit,
        action=pb.RuleAction.ValueType(rule.action),
        enabled=rule.enabled,
        etag=str(rule.version),
    )


def alert_to_proto(alert: Alert) -> pb.Alert:
    """An alert with its evidence."""
    evidence, spent = alert.evidence, alert.spent_amount
    return pb.Alert(
        alert_id=alert.alert_id,
        account_id=alert.account_id,
        fraud_rule_id=alert.fraud_rule_id,
        kind=pb.RuleKind.ValueType(alert.kind),
        raise_time=time_to_proto(alert.raise_time),
        message=alert.message,
        charge_ids=[charge_id.hex() for charge_id in evidence.charge_ids],
        call_count=evidence.call_count,
        spent_amount=money_to_proto(spent) if spent else None,
        first_call_time=time_to_proto(from_micros(evidence.first_call_micros)),
        last_call_time=time_to_proto(from_micros(evidence.last_call_micros)),
    )


def block_to_proto(block: Block) -> pb.Block:
    """A block."""
    return pb.Block(
        account_id=block.account_id,
        reason=block.reason,
        actor=block.actor,
        block_time=time_to_proto(block.block_time),
    )


def check_uuid(field: str, text: str) -> str:
    """Give an id back that is one. Raises INVALID_FIELD."""
    if not is_uuid(text):
        raise invalid_field(field, f"{text!r} is not a UUID in small letters, with hyphens")
    return text


def _window(message: Duration) -> timedelta:
    try:
        return duration_ms_from_proto(message) * MILLISECOND
    except OverflowError:
        raise invalid_field("fraud_rule.window", "longer than any calendar") from None


def _kind(number: int) -> RuleKind:
    if number not in set(RuleKind):
        raise invalid_field(
            "fraud_rule.kind", f"choose {', '.join(kind.name for kind in RuleKind)}"
        )
    return RuleKind(number)

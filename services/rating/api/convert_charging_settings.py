"""Policies, limits and return codes of charging, to and from messages."""

from chassis.grpc.convert import time_to_proto
from services.rating.domain.charging.answer import Reason, WhenExhausted
from services.rating.domain.charging.limits import CallLimit, LimitScope, ScopeKey
from services.rating.domain.charging.policy import ChargingPolicy, OutageRule
from services.rating.domain.charging.return_codes import ReturnCodes
from services.rating.domain.errors import invalid_field
from services.rating.store.call_limits import StoredLimit
from services.rating.store.charging_policies import StoredPolicy
from services.rating.store.offline_answers import StoredOfflineAnswer
from tollbook.rating.v1 import charging_admin_service_pb2 as messages
from tollbook.rating.v1 import charging_pb2


def policy_from_proto(message: messages.ChargingPolicy) -> ChargingPolicy:
    """A policy. Raises INVALID_CHARGING_POLICY for a rule that is none."""
    for field, rules in (("when_exhausted", WhenExhausted), ("outage_rule", OutageRule)):
        if getattr(message, field) not in set(rules):
            problem = "it is not set, or not to one of the rules"
            raise invalid_field("INVALID_CHARGING_POLICY", f"policy.{field}", problem)
    return ChargingPolicy(
        open_seconds=message.open_seconds,
        extend_seconds=message.extend_seconds,
        ask_again_lead_seconds=message.ask_again_lead_seconds,
        validity_seconds=message.validity_seconds,
        grace_seconds=message.grace_seconds,
        when_exhausted=WhenExhausted(message.when_exhausted),
        outage_rule=OutageRule(message.outage_rule),
        outage_seconds=message.outage_seconds,
    )


def policy_to_proto(stored: StoredPolicy) -> messages.ChargingPolicyEntry:
    """A policy and whose it is."""
    policy = stored.policy
    message = messages.ChargingPolicy(
        open_seconds=policy.open_seconds,
        extend_seconds=policy.extend_seconds,
        ask_again_lead_seconds=policy.ask_again_lead_seconds,
        validity_seconds=policy.validity_seconds,
        grace_seconds=policy.grace_seconds,
        when_exhausted=charging_pb2.WhenExhausted.ValueType(policy.when_exhausted),
        outage_rule=messages.OutageRule.ValueType(policy.outage_rule),
        outage_seconds=policy.outage_seconds,
    )
    return messages.ChargingPolicyEntry(
        account_id=stored.account_id,
        policy=message,
        update_time=time_to_proto(stored.update_time),
    )


def scope_from_proto(
    tenant_id: str, scope: messages.LimitScope.ValueType, scope_id: str
) -> ScopeKey:
    """Whose calls are counted. Raises INVALID_CALL_LIMIT for a scope that is none."""
    if int(scope) not in set(LimitScope):
        raise invalid_field("INVALID_CALL_LIMIT", "scope", "it is not set, or not to a scope")
    return ScopeKey(tenant_id, LimitScope(scope), scope_id)


def limit_from_proto(message: messages.CallLimit) -> CallLimit:
    """How many calls."""
    has_concurrent = message.HasField("concurrent_calls_max")
    has_rate = message.HasField("calls_per_second_max")
    return CallLimit(
        message.concurrent_calls_max if has_concurrent else None,
        message.calls_per_second_max if has_rate else None,
    )


def limit_to_proto(stored: StoredLimit) -> messages.CallLimit:
    """A limit."""
    return messages.CallLimit(
        scope=messages.LimitScope.ValueType(stored.key.scope),
        scope_id=stored.key.scope_id,
        concurrent_calls_max=stored.limit.concurrent_calls_max,
        calls_per_second_max=stored.limit.calls_per_second_max,
        update_time=time_to_proto(stored.update_time),
    )


def codes_from_proto(message: charging_pb2.ReturnCodes) -> ReturnCodes:
    """A reason in the words of protocols."""
    return ReturnCodes(message.sip, message.sip_reason, message.q850, message.h323)


def codes_to_proto(codes: ReturnCodes) -> charging_pb2.ReturnCodes:
    """A reason in the words of protocols."""
    return charging_pb2.ReturnCodes(
        sip=codes.sip, sip_reason=codes.sip_phrase, q850=codes.q850, h323=codes.h323
    )


def entry_to_proto(equipment: str, reason: Reason, codes: ReturnCodes) -> messages.ReturnCodesEntry:
    """What an equipment is told for a reason."""
    return messages.ReturnCodesEntry(
        equipment=equipment, reason=str(reason), return_codes=codes_to_proto(codes)
    )


def offline_answer_to_proto(stored: StoredOfflineAnswer) -> messages.OfflineAnswer:
    """An answer in an outage."""
    return messages.OfflineAnswer(
        session_id=stored.session_id,
        sequence=stored.sequence,
        account_id=stored.account_id,
        verdict=charging_pb2.Verdict.ValueType(stored.verdict),
        reason=str(stored.reason),
        granted_seconds=stored.granted_seconds,
        answer_time=time_to_proto(stored.answer_time),
        store_time=time_to_proto(stored.store_time),
    )

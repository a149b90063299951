"""Messages of fraud's contract become rules, and rules become messages."""

from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.type.money_pb2 import Money as MoneyMessage

from kernel.errors import DomainError
from services.fraud.api.convert import check_uuid, rule_change, rule_from_proto, rule_to_proto
from services.fraud.domain.rule import RuleAction
from tollbook.fraud.v1 import fraud_pb2 as pb

RULE_ID = "0195a000-0000-7000-8000-000000000001"
MESSAGE = pb.FraudRule(
    fraud_rule_id=RULE_ID,
    kind=pb.RULE_KIND_DEAR_DESTINATION,
    window=Duration(seconds=3600),
    amount_limit=MoneyMessage(currency_code="EUR", units=2, nanos=500_000_000),
    count_limit=3,
    action=pb.RULE_ACTION_BLOCK,
    enabled=True,
)


def test_a_rule_comes_back_as_it_was_sent_with_its_etag() -> None:
    """Nothing is lost between the wire and the domain."""
    expected = pb.FraudRule()
    expected.CopyFrom(MESSAGE)
    expected.etag = "1"
    assert rule_to_proto(rule_from_proto(MESSAGE)) == expected


def test_a_rule_without_an_action_only_alerts() -> None:
    """Blocking a customer is never the default."""
    message = pb.FraudRule(kind=pb.RULE_KIND_CALL_VELOCITY, window=Duration(seconds=60))
    assert rule_from_proto(message).action is RuleAction.ALERT


def test_an_update_changes_the_named_fields_only() -> None:
    """A mask can also switch off, which is an unset field."""
    change = rule_change(pb.FraudRule(count_limit=9), ["enabled"])
    changed = change(rule_from_proto(MESSAGE))
    assert (changed.enabled, changed.count_limit) == (False, 3)


def test_an_update_without_a_mask_changes_the_fields_that_are_set() -> None:
    """As AIP-134 has it."""
    change = rule_change(pb.FraudRule(window=Duration(seconds=120)), [])
    changed = change(rule_from_proto(MESSAGE))
    assert (changed.window, changed.count_limit) == (timedelta(minutes=2), 3)


def test_what_cannot_be_understood_is_named() -> None:
    """A kind that is not set, a field that cannot be updated, an id that is no id."""
    with pytest.raises(DomainError, match=r"fraud_rule\.kind"):
        rule_from_proto(pb.FraudRule())
    with pytest.raises(DomainError, match="update_mask"):
        rule_change(MESSAGE, ["etag"])
    with pytest.raises(DomainError, match="account_id"):
        check_uuid("account_id", "ANN")

"""Policies, limits and return codes as operators set them, and heeded by the calls that follow."""

from typing import Any

import pytest

from chassis.grpc.endpoint import Endpoint
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.rating.api.charging_admin import ChargingAdminApi
from services.rating.domain.charging.answer import Answer, Reason, Verdict, WhenExhausted
from services.rating.domain.charging.offline import OfflineAnswer
from services.rating.domain.charging.requests import OpenRequest
from services.rating.store.offline_answers import keep_offline_answers
from services.rating.wiring import heeding
from tests.conformance.rating.charging_desk import ChargingDesk
from tests.conformance.rating.desk import Desk
from tollbook.rating.v1 import charging_admin_service_pb2 as messages
from tollbook.rating.v1 import charging_pb2

USUAL = messages.ChargingPolicy(
    open_seconds=60,
    extend_seconds=60,
    ask_again_lead_seconds=10,
    validity_seconds=180,
    grace_seconds=60,
    when_exhausted=charging_pb2.WHEN_EXHAUSTED_HANG_UP,
    outage_rule=messages.OUTAGE_RULE_DENY,
)


@pytest.fixture
def admin(charging: ChargingDesk) -> ChargingAdminApi:
    """The service, in the replica that charges the calls."""
    heed = heeding(charging.desk.memory, charging.settings)
    return ChargingAdminApi(Endpoint(charging.desk.database, heed))


def policy(**changes: Any) -> messages.ChargingPolicy:
    """The usual policy but for some fields."""
    changed = messages.ChargingPolicy()
    changed.CopyFrom(USUAL)
    changed.MergeFrom(messages.ChargingPolicy(**changes))
    return changed


async def set_policy(admin: ChargingAdminApi, account_id: str = "", **changes: Any) -> None:
    """Set a policy."""
    request = messages.SetChargingPolicyRequest(
        account_id=account_id, policy=policy(**changes), request_id=new_uuid()
    )
    await admin.SetChargingPolicy(request, None)


async def in_force(admin: ChargingAdminApi, account_id: str) -> tuple[str, int]:
    """Whose policy holds for an account, and how long its opens are."""
    request = messages.GetChargingPolicyRequest(account_id=account_id)
    entry = (await admin.GetChargingPolicy(request, None)).entry
    return entry.account_id, entry.policy.open_seconds


async def test_the_next_call_is_granted_by_the_policy_that_was_just_set(
    admin: ChargingAdminApi, charging: ChargingDesk
) -> None:
    """The tenant's, then the account's own, then the tenant's again."""
    account_id = charging.desk.account_id
    assert (await charging.open("standard")).granted_seconds == 60
    await set_policy(admin, open_seconds=30)
    assert (await charging.open("tenant")).granted_seconds == 30
    assert await in_force(admin, account_id) == ("", 30)
    exhausted = charging_pb2.WHEN_EXHAUSTED_CONTINUE
    await set_policy(admin, account_id, open_seconds=20, when_exhausted=exhausted)
    answer = await charging.open("own")
    assert (answer.granted_seconds, answer.when_exhausted) == (20, WhenExhausted.CONTINUE)
    assert (await charging.extend("own", 1, 15)).granted_seconds == 75
    assert await in_force(admin, account_id) == (account_id, 20)
    removal = messages.DeleteChargingPolicyRequest(account_id=account_id, request_id=new_uuid())
    await admin.DeleteChargingPolicy(removal, None)
    assert await in_force(admin, account_id) == ("", 30)


async def test_policies_are_listed_with_the_tenants_first(
    admin: ChargingAdminApi, desk: Desk
) -> None:
    """Page by page."""
    await set_policy(admin, desk.account_id)
    await set_policy(admin)
    found, token = [], ""
    for _ in range(2):
        request = messages.ListChargingPoliciesRequest(page_size=1, page_token=token)
        page = await admin.ListChargingPolicies(request, None)
        found += [entry.account_id for entry in page.entries]
        token = page.next_page_token
    assert (found, token) == (["", desk.account_id], "")


async def test_a_policy_is_refused_for_accounts_and_rules_that_nobody_knows(
    admin: ChargingAdminApi, desk: Desk
) -> None:
    """And what was never set cannot be removed."""
    with pytest.raises(DomainError) as unknown:
        await set_policy(admin, "nobody")
    assert unknown.value.reason == "UNKNOWN_ACCOUNT"
    with pytest.raises(DomainError) as unset:
        await set_policy(admin, outage_rule=messages.OutageRule.ValueType(9))
    assert unset.value.reason == "INVALID_CHARGING_POLICY"
    removal = messages.DeleteChargingPolicyRequest(request_id=new_uuid())
    with pytest.raises(DomainError) as missing:
        await admin.DeleteChargingPolicy(removal, None)
    assert missing.value.reason == "CHARGING_POLICY_NOT_FOUND"


async def test_limits_are_set_listed_and_removed(admin: ChargingAdminApi, desk: Desk) -> None:
    """A number that is not given limits nothing, and 0 lets none pass."""
    limits = [
        messages.CallLimit(scope=messages.LIMIT_SCOPE_ACCOUNT, concurrent_calls_max=2),
        messages.CallLimit(
            scope=messages.LIMIT_SCOPE_TRUNK, scope_id="carrier", calls_per_second_max=0
        ),
    ]
    for limit in reversed(limits):
        request = messages.SetCallLimitRequest(call_limit=limit, request_id=new_uuid())
        limit.MergeFrom((await admin.SetCallLimit(request, None)).call_limit)
    first = await admin.ListCallLimits(messages.ListCallLimitsRequest(page_size=1), None)
    after = messages.ListCallLimitsRequest(page_size=1, page_token=first.next_page_token)
    second = await admin.ListCallLimits(after, None)
    assert [*first.call_limits, *second.call_limits] == limits
    assert not limits[1].HasField("concurrent_calls_max")
    removal = messages.DeleteCallLimitRequest(
        scope=messages.LIMIT_SCOPE_TRUNK, scope_id="carrier", request_id=new_uuid()
    )
    await admin.DeleteCallLimit(removal, None)
    left = await admin.ListCallLimits(messages.ListCallLimitsRequest(), None)
    assert list(left.call_limits) == limits[:1]


async def test_an_equipment_is_told_what_was_set_for_it(
    admin: ChargingAdminApi, charging: ChargingDesk
) -> None:
    """From the next answer on, until it is removed; others are told the standard codes."""

    def told(equipment: str) -> int:
        settings, tenant_id = charging.settings, charging.desk.tenant_id
        return settings.return_codes_of(tenant_id, equipment, Reason.NO_RATE).sip

    codes = charging_pb2.ReturnCodes(sip=603, sip_reason="Decline", q850=21, h323=9)
    entry = messages.ReturnCodesEntry(equipment="gateway", reason="NO_RATE", return_codes=codes)
    request = messages.SetReturnCodesRequest(entry=entry, request_id=new_uuid())
    await admin.SetReturnCodes(request, None)
    assert (told("gateway"), told("other"), told("")) == (603, 404, 404)
    listed = await admin.ListReturnCodes(messages.ListReturnCodesRequest(equipment="gateway"), None)
    assert len(listed.entries) == len(Reason)
    assert [each for each in listed.entries if each.equipment] == [entry]
    removal = messages.DeleteReturnCodesRequest(
        equipment="gateway", reason="NO_RATE", request_id=new_uuid()
    )
    await admin.DeleteReturnCodes(removal, None)
    assert told("gateway") == 404


async def test_what_was_answered_in_an_outage_is_listed_newest_first(
    admin: ChargingAdminApi, charging: ChargingDesk
) -> None:
    """Of one account or of all, page by page."""
    tenant_id, call = charging.desk.tenant_id, charging.call()
    answers = [
        OfflineAnswer(
            tenant_id,
            account_id,
            OpenRequest(f"s{place}", call),
            Answer(f"s{place}", 0, Verdict.REFUSED, Reason.FUNDS_UNAVAILABLE),
            call.start_micros + place,
        )
        for place, account_id in enumerate(["ann", "bob", "ann"])
    ]
    await charging.desk.database.write(lambda uow: keep_offline_answers(uow, answers))
    found, token = [], ""
    for _ in range(2):
        request = messages.ListOfflineAnswersRequest(page_size=2, page_token=token)
        page = await admin.ListOfflineAnswers(request, None)
        found += [(each.session_id, each.reason) for each in page.offline_answers]
        token = page.next_page_token
    assert (found, token) == ([(f"s{place}", "FUNDS_UNAVAILABLE") for place in (2, 1, 0)], "")
    request = messages.ListOfflineAnswersRequest(account_id="bob")
    [of_bob] = (await admin.ListOfflineAnswers(request, None)).offline_answers
    assert of_bob.answer_time.ToMicroseconds() == call.start_micros + 1

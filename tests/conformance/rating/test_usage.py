"""Usage and fees that platforms report themselves are charged once for their key."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from chassis.grpc.convert import range_to_proto, time_to_proto
from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING, MARCH, NOON, euros, seconds_later
from tollbook.rating.v1 import plan_pb2 as plan
from tollbook.rating.v1 import usage_service_pb2 as messages
from tollbook.rating.v1.charge_pb2 import Charge, ChargeKind
from tollbook.rating.v1.service_pb2 import (
    SERVICE_DATA,
    SERVICE_DID_RENTAL,
    SERVICE_SMS,
    SERVICE_VOICE,
)
from tollbook.type.v1.call_pb2 import (
    CALL_KEY_KIND_OTHER,
    CALL_KEY_KIND_SUBSCRIPTION,
    CallKey,
)

SHEET = "prefix,name,price,first,next\n{prefix},{name},{price},1,1\n"


async def deck(desk: Desk, code: str, service: Any, prefix: str, price: str) -> str:
    """A deck of one row, in force from the beginning."""
    content = SHEET.format(prefix=prefix, name=code.title(), price=price)
    response = await desk.publish_deck(content, code, service=service)
    return response.version.rate_deck_id


async def offer(desk: Desk, **terms: Any) -> None:
    """Give the plan decks of every service and a fee, from the second day on."""
    voice = desk.deck_id
    ids = [
        voice,
        await deck(desk, "messages", SERVICE_SMS, "31", "0.07"),
        await deck(desk, "data", SERVICE_DATA, "20408", "0.002"),
        await deck(desk, "numbers", SERVICE_DID_RENTAL, "3120", "3.10"),
    ]
    fee = plan.Fee(code="setup", display_name="Set-up", amount=desk.money(25_000_000))
    await desk.publish_terms(
        seconds_later(BEGINNING, 86_400), **{"rate_deck_ids": ids, "fees": [fee], **terms}
    )


def record(desk: Desk, key: str = "m-1", **changes: Any) -> messages.UsageRecord:
    """A message to the Netherlands unless said otherwise."""
    fields: dict[str, Any] = {
        "usage_key": CallKey(kind=CALL_KEY_KIND_OTHER, value=key),
        "account_id": desk.account_id,
        "service": SERVICE_SMS,
        "quantity": 1,
        "callee": "31612345678",
        "start_time": time_to_proto(NOON),
    }
    return messages.UsageRecord(**{**fields, **changes})


async def charge(desk: Desk, usage: messages.UsageRecord) -> Charge:
    """Charge one use."""
    request = messages.ChargeUsageRequest(usage=usage, request_id=new_uuid())
    return (await desk.usage.ChargeUsage(request, None)).charge


async def test_messages_and_megabytes_are_priced_by_their_own_decks(desk: Desk) -> None:
    """Three messages at 0.07, a megabyte and a half at 0.002."""
    await offer(desk)
    sms = await charge(desk, record(desk, quantity=3))
    data = await charge(
        desk, record(desk, "d-1", service=SERVICE_DATA, callee="20408", quantity=1_500_000)
    )
    assert euros([sms, data]) == ["0.2100", "0.0030"]
    assert sms.receipt.kind == ChargeKind.CHARGE_KIND_SMS


async def test_usage_of_one_key_is_charged_once(desk: Desk) -> None:
    """Reported again, the same charge answers; corrected, the difference is settled."""
    await offer(desk)
    first = await charge(desk, record(desk, quantity=2))
    again = await charge(desk, record(desk, quantity=2))
    assert again.charge_id == first.charge_id
    corrected = await charge(desk, record(desk, quantity=1, revision=2))
    assert (corrected.revision, euros([corrected])) == (2, ["0.0700"])
    assert await desk.deltas() == [140_000, -70_000]


async def test_other_usage_under_a_used_key_is_refused(desk: Desk) -> None:
    """Neither the first nor the second is lost silently."""
    await offer(desk)
    await charge(desk, record(desk, quantity=2))
    with pytest.raises(DomainError, match="USAGE_CONFLICT"):
        await charge(desk, record(desk, quantity=5))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"account_id": "nobody"}, "UNKNOWN_ACCOUNT"),
        ({"callee": "4915112345678"}, "NO_RATE"),
        ({"callee": "many"}, "INVALID_NUMBER"),
        ({"quantity": -1}, "INVALID_USAGE"),
        ({"service": SERVICE_DID_RENTAL}, "INVALID_USAGE"),
        ({"usage_key": CallKey(kind=CALL_KEY_KIND_OTHER)}, "INVALID_USAGE"),
        ({"usage_key": CallKey(kind=CALL_KEY_KIND_SUBSCRIPTION, value="s")}, "INVALID_USAGE"),
    ],
)
async def test_usage_without_a_price_changes_nothing(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    """It is refused with its reason and may be sent again."""
    await offer(desk)
    with pytest.raises(DomainError, match=reason):
        await charge(desk, record(desk, **changes))
    assert await desk.charges() == []


async def test_one_bad_use_of_a_batch_stops_no_other(desk: Desk) -> None:
    """Each has a result of its own, in order."""
    await offer(desk)
    usages = [record(desk), record(desk, "m-2", callee="49151"), record(desk, "m-3", quantity=-1)]
    request = messages.ChargeUsagesRequest(usages=usages, request_id=new_uuid())
    results = (await desk.usage.ChargeUsages(request, None)).results
    assert [each.WhichOneof("result") for each in results] == ["charge", "error", "error"]
    assert euros([results[0].charge]) == ["0.0700"]
    assert len(await desk.charges()) == 1


async def test_a_fee_is_charged_once_for_its_id(desk: Desk) -> None:
    """The set-up of a number; asked twice, it is the same charge."""
    await offer(desk)
    charges = []
    for _ in range(2):
        request = messages.ChargeFeeRequest(
            account_id=desk.account_id,
            fee_code="setup",
            fee_id="order-7",
            due_time=time_to_proto(NOON),
            request_id=new_uuid(),
        )
        charges.append((await desk.usage.ChargeFee(request, None)).charge)
    assert charges[0] == charges[1]
    assert charges[0].amount == desk.money(25_000_000)
    assert await desk.deltas() == [25_000_000]


async def test_a_number_is_rented_in_proportion_to_days(desk: Desk) -> None:
    """Ten of the 31 days of March at 3.10 a month."""
    await offer(desk)
    request = messages.ChargeFeeRequest(
        account_id=desk.account_id,
        did="31201234567",
        fee_id="did-1",
        covered_period=range_to_proto((MARCH.start, seconds_later(MARCH.start, 10 * 86_400))),
        request_id=new_uuid(),
    )
    charged = (await desk.usage.ChargeFee(request, None)).charge
    assert charged.amount == desk.money(1_000_000)


async def test_an_unknown_fee_is_refused(desk: Desk) -> None:
    """It names the fee."""
    await offer(desk)
    request = messages.ChargeFeeRequest(
        account_id=desk.account_id,
        fee_code="nothing",
        fee_id="order-8",
        due_time=time_to_proto(NOON),
        request_id=new_uuid(),
    )
    with pytest.raises(DomainError, match="FEE_NOT_FOUND") as caught:
        await desk.usage.ChargeFee(request, None)
    assert "nothing" in str(caught.value)


async def test_reported_usage_does_not_count_as_collected(desk: Desk) -> None:
    """Reconciliation compares records of cdr with the charges that these opened."""
    await offer(desk)
    await desk.collect(desk.call())
    await charge(desk, record(desk))
    await charge(desk, record(desk, "v-1", service=SERVICE_VOICE, quantity=60))
    digest = await desk.digest()
    assert (digest.collected_count, digest.rated_count, digest.zero_count) == (1, 1, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"service": 99}, "INVALID_REQUEST"),
        ({"usage_key": CallKey(kind=99, value="m-2")}, "INVALID_REQUEST"),  # type: ignore[arg-type]
        ({"usage_key": CallKey(kind=CALL_KEY_KIND_OTHER, value="m\0")}, "INVALID_REQUEST"),
        ({"revision": 2**32 - 1}, "INVALID_USAGE"),
        ({"start_time": time_to_proto(datetime(9999, 12, 31, tzinfo=UTC))}, "INVALID_TIME"),
    ],
)
async def test_a_spoilt_use_spoils_no_other_of_its_batch(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    """It has its reason, and its neighbour a charge."""
    await offer(desk)
    usages = [record(desk, **{"key": "m-2", **changes}), record(desk)]
    request = messages.ChargeUsagesRequest(usages=usages, request_id=new_uuid())
    bad, good = (await desk.usage.ChargeUsages(request, None)).results
    assert ErrorInfo.FromString(bad.error.details[0].value).reason == reason
    assert euros([good.charge]) == ["0.0700"]


async def test_a_known_use_that_comes_again_absurd_says_why(desk: Desk) -> None:
    """It has no price, so there is nothing to compare with the charge that is there."""
    await offer(desk)
    minute: dict[str, Any] = {"service": SERVICE_VOICE, "quantity": 60}
    known = await charge(desk, record(desk, **minute))
    with pytest.raises(DomainError, match="INVALID_DURATION"):
        await charge(desk, record(desk, **{**minute, "quantity": 10**12}))
    assert await charge(desk, record(desk, **minute)) == known

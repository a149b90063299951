"""Calls become charges: rated, zero or unrated, each exactly once."""

import json

import pytest

from kernel.e164 import NumberKind
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import (
    MARCH,
    MOBILE,
    NETHERLANDS,
    NOON,
    UNKNOWN,
    USA,
    Call,
    collected,
    euros,
    seconds_later,
)
from tests.conformance.rating.sheets import DECK
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.type.v1.call_pb2 import RatingOutcome

RATED = RatingOutcome.RATING_OUTCOME_RATED
ZERO = RatingOutcome.RATING_OUTCOME_ZERO
UNRATED = RatingOutcome.RATING_OUTCOME_UNRATED


async def test_the_longest_prefix_prices_a_call(desk: Desk) -> None:
    """90 s to a Dutch number are 0.09 by the second, to a Dutch mobile 0.24 by begun minutes."""
    await desk.collect(
        desk.call(callee=NETHERLANDS, seconds=90, start=NOON),
        desk.call(callee=MOBILE, seconds=90, start=seconds_later(NOON, 1)),
    )
    mobile, landline = await desk.charges()
    assert euros([landline, mobile]) == ["0.0900", "0.2400"]
    assert (mobile.receipt.prefix, mobile.receipt.destination) == ("316", "Netherlands Mobile")


@pytest.mark.parametrize(
    ("details", "outcome"),
    [
        ({"answered": False, "seconds": 0}, ZERO),
        ({"callee": USA}, ZERO),
        ({"callee": "112", "kind": NumberKind.EMERGENCY}, ZERO),
        ({}, RATED),
    ],
)
async def test_what_is_free_is_charged_at_nothing(
    desk: Desk, details: dict[str, object], outcome: int
) -> None:
    """Unanswered calls, free destinations and emergency calls end as zero, with a receipt."""
    await desk.collect(desk.call(**details))
    charge = await desk.charge()
    assert charge.outcome == outcome
    assert (charge.amount.nanos == 0) is (outcome == ZERO)
    assert charge.receipt.explanation


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"callee": UNKNOWN}, "NO_RATE"),
        ({"callee": "31", "kind": NumberKind.SHORT_CODE}, "NO_RATE"),
        ({"account_id": new_uuid()}, "UNKNOWN_ACCOUNT"),
        ({"seconds": -1}, "INVALID_DURATION"),
        ({"seconds": 86_401}, "INVALID_DURATION"),
    ],
)
async def test_a_call_that_cannot_be_priced_keeps_its_reason_and_spoils_no_other(
    desk: Desk, details: dict[str, object], reason: str
) -> None:
    """The other call of the batch is rated all the same."""
    wrong = desk.call(**details)
    await desk.hear(collected([wrong, desk.call(start=seconds_later(NOON, 1))]))
    [charge] = [
        each
        for account_id in {wrong.account_id, desk.account_id}
        for each in await desk.charges(account_id)
        if each.outcome == UNRATED
    ]
    assert charge.unrated_reason == reason
    assert not charge.HasField("amount")
    digest = await desk.digest()
    assert (digest.collected_count, digest.rated_count, digest.unrated_count) == (2, 1, 1)


async def test_a_child_pays_nothing_itself(desk: Desk) -> None:
    """Its own subscription prices its calls; they are booked in the payer's period."""
    child = new_uuid()
    await desk.know_account(child, payer_account_id=desk.account_id)
    await desk.collect(desk.call(account_id=child, payer_id=desk.account_id))
    assert (await desk.charge(child)).unrated_reason == "NO_PLAN"
    await desk.subscribe(child)
    await desk.retry()
    charge = await desk.charge(child)
    assert (charge.account_id, charge.payer_account_id) == (child, desk.account_id)
    assert euros([charge]) == ["0.0600"]


async def test_a_plan_in_another_currency_waits_for_an_exchange_rate(desk: Desk) -> None:
    """A Swiss account is not priced by a plan in euros before there is a rate."""
    swiss = new_uuid()
    await desk.know_account(swiss, currency_code="CHF")
    await desk.subscribe(swiss)
    await desk.collect(desk.call(account_id=swiss))
    assert (await desk.charge(swiss)).unrated_reason == "NO_EXCHANGE_RATE"


async def test_an_event_delivered_twice_is_applied_once(desk: Desk) -> None:
    """And the same calls in another event open no second charge."""
    call = desk.call()
    envelope = await desk.hear(collected([call]))
    await desk.deliver(envelope)
    assert await desk.deltas() == [60_000]
    await desk.collect(call)
    assert await desk.deltas() == [60_000]
    digest = await desk.digest()
    assert (digest.collected_count, digest.rated_count, digest.merged_count) == (2, 1, 1)


async def test_a_corrected_record_settles_the_difference(desk: Desk) -> None:
    """60 s become 40 s: the second revision gives a third of the price back."""
    call = desk.call()
    await desk.collect(call)
    await desk.collect(call.corrected(seconds=40))
    assert await desk.deltas() == [60_000, -20_000]
    charge = await desk.charge()
    assert (charge.revision, euros([charge])) == (2, ["0.0400"])


async def test_two_records_of_one_call_in_one_batch_make_one_charge(desk: Desk) -> None:
    """They are settled one after the other."""
    call = desk.call()
    await desk.collect(call, call.corrected(seconds=120), desk.call())
    assert sorted(await desk.deltas()) == [60_000, 60_000, 60_000]
    assert len(await desk.charges()) == 2
    digest = await desk.digest()
    assert (digest.collected_count, digest.rated_count, digest.merged_count) == (3, 2, 1)


async def test_a_call_seen_by_two_switches_is_charged_once(desk: Desk) -> None:
    """The same call key, leg and start are the same call."""
    call = desk.call()
    await desk.collect(call)
    await desk.collect(Call(desk.account_id, call.call_key, seconds=61, source="other"))
    assert await desk.deltas() == [60_000]


async def test_equal_call_keys_of_two_accounts_are_two_calls(desk: Desk) -> None:
    """Switches reuse ids; nobody's call may vanish as a copy of somebody else's."""
    other = new_uuid()
    await desk.know_account(other)
    await desk.subscribe(other)
    first = desk.call(call_key="1")
    second = Call(other, call_key="1", source="other")
    await desk.collect(first)
    await desk.collect(second)
    await desk.collect(second.corrected(seconds=30))
    assert euros([await desk.charge(), await desk.charge(other)]) == ["0.0600", "0.0300"]


async def test_a_call_that_turns_out_to_be_anothers_is_given_back(desk: Desk) -> None:
    """The correction charges the right account and settles the wrong one at nothing."""
    other = new_uuid()
    await desk.know_account(other)
    await desk.subscribe(other)
    call = desk.call()
    await desk.collect(call)
    moved = call.corrected(account_id=other)
    await desk.collect(moved)
    assert euros([await desk.charge(), await desk.charge(other)]) == ["0.0000", "0.0600"]
    await desk.collect(moved.corrected(account_id=desk.account_id))
    assert euros([await desk.charge(), await desk.charge(other)]) == ["0.0600", "0.0000"]
    assert sum(await desk.deltas()) == 60_000


async def test_an_older_record_that_comes_late_changes_nothing(desk: Desk) -> None:
    """Accounts are in order each for itself; a move between two can arrive first."""
    other = new_uuid()
    await desk.know_account(other)
    await desk.subscribe(other)
    call = desk.call()
    await desk.collect(call.corrected(account_id=other))
    await desk.collect(call)
    assert await desk.charges() == []
    assert euros([await desk.charge(other)]) == ["0.0600"]


async def test_the_event_tells_what_the_charge_holds(desk: Desk) -> None:
    """Neighbours need no question to post, invoice and search a call."""
    call = desk.call(callee=MOBILE, seconds=61)
    await desk.collect(call)
    [batch] = await desk.published()
    charge = await desk.charge()
    assert batch.key16("charge_id") == [bytes.fromhex(charge.charge_id)]
    assert batch.key16("call_id") == [call.call_id]
    assert batch.dictionary("payer_account_id") == [desk.account_id]
    assert batch.dictionary("currency") == ["EUR"]
    assert batch.dictionary("usage_line") == ["Netherlands Mobile"]
    assert batch.dictionary("prefix") == ["316"]
    assert batch.text("callee") == [MOBILE]
    names = ("amount", "amount_delta", "duration", "charged_duration")
    assert [batch.int64(name)[0] for name in names] == [240_000, 240_000, 61_000, 120_000]
    start, end = batch.int64("period_start")[0], batch.int64("period_end")[0]
    assert start == MARCH.start.timestamp() * 10**6
    assert end == MARCH.end.timestamp() * 10**6


async def test_no_number_of_a_person_is_kept_with_a_charge(desk: Desk) -> None:
    """Charges are for ever; only a call that waits for its price keeps its numbers, until then."""
    await desk.collect(desk.call(callee=MOBILE))
    charge = await desk.charge()
    assert MOBILE not in json.dumps(str(charge))


async def test_charges_are_listed_newest_first_a_page_at_a_time(desk: Desk) -> None:
    """Every charge is on one page, and none on two."""
    await desk.collect(*(desk.call(start=seconds_later(NOON, s)) for s in range(5)))
    seen: list[str] = []
    token, pages = "", 0
    while pages == 0 or token:
        request = messages.ListChargesRequest(
            account_id=desk.account_id, page_size=2, page_token=token
        )
        page = await desk.charges_api.ListCharges(request, None)
        seen += [charge.charge_id for charge in page.charges]
        token, pages = page.next_page_token, pages + 1
    assert pages == 3
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 5


async def test_two_tenants_never_meet(desk: Desk) -> None:
    """Equal accounts, plans, decks and call keys of two tenants share nothing."""
    twin = Desk(desk.database, "umbrella", account_id=desk.account_id, plan_id=desk.plan_id)
    await twin.set_up()
    await twin.publish_deck(DECK.replace("0.06", "0.6"), effective=MARCH.start)
    call = desk.call()
    await twin.collect(call)
    desk.act()
    assert await desk.charges() == []
    await desk.collect(call)
    assert euros([await desk.charge()]) == ["0.0600"]
    twin.act()
    assert euros([await twin.charge()]) == ["0.6000"]
    assert (await twin.digest()).charged_amounts[0].nanos == 600_000_000

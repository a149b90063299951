"""What breaks a rule, and what the alert says about it."""

import random
from typing import Any

import pytest

from services.fraud.domain.rule import RuleKind
from tests.conformance.fraud.watcher import ANN, BOB, Rated, Watcher, several
from tollbook.rating.v1.charge_pb2 import ChargeKind
from tollbook.type.v1.call_pb2 import Party

EURO = 10**6


async def test_spend_above_the_limit_within_the_window_raises_one_alert(watcher: Watcher) -> None:
    """Limit 10 EUR an hour: four calls of 2.50 are fine, the fifth is too much."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    calls = several(5, every=5, amount=2_500_000)
    await watcher.see(*calls[:4])
    assert await watcher.alerts() == []
    await watcher.see(calls[4])
    [alert] = await watcher.alerts()
    assert alert.message == "12.5 EUR spent within 1 hour; the limit is 10 EUR"
    assert alert.evidence.charge_ids == tuple(call.charge_id for call in calls)
    assert (alert.evidence.call_count, alert.evidence.spent_micros) == (5, 12_500_000)


async def test_spend_spread_over_more_than_the_window_raises_nothing(watcher: Watcher) -> None:
    """The same five calls, twenty minutes apart: at most three of them share an hour."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    await watcher.see(*several(5, every=20, amount=2_500_000))
    assert await watcher.alerts() == []


async def test_calls_of_events_that_come_together_count_together(watcher: Watcher) -> None:
    """Three events with calls of two accounts: each account's calls are its own, in one window."""
    await watcher.rule(RuleKind.CALL_VELOCITY, count=3, minutes=10)
    anns, bobs = several(4), several(3, account_id=BOB)
    await watcher.see_together(anns[:1], [*bobs, *anns[1:3]], anns[3:])
    [alert] = await watcher.alerts()
    assert alert.account_id == ANN
    assert alert.evidence.charge_ids == tuple(call.charge_id for call in anns)


async def test_calls_above_the_limit_within_the_window_raise_an_alert(watcher: Watcher) -> None:
    """Unanswered and unpriced calls count as calls, whatever the currency."""
    await watcher.rule(RuleKind.CALL_VELOCITY, count=3, minutes=10)
    await watcher.see(
        Rated(minute=0, currency=""),
        Rated(minute=1, currency="USD", seconds=0),
        Rated(minute=2, currency="USD", amount=EURO),
        Rated(minute=3, currency="USD", amount=EURO),
    )
    [alert] = await watcher.alerts()
    assert alert.message == "4 calls within 10 minutes; the limit is 3"
    assert alert.spent_amount is not None
    assert (alert.spent_amount.currency, alert.spent_amount.micros) == ("USD", 2 * EURO)


async def test_only_calls_dearer_than_the_limit_a_minute_count_as_dear(watcher: Watcher) -> None:
    """Limit 2 EUR a minute, one call allowed: 4 EUR for two minutes is not dear, 4.01 is."""
    await watcher.rule(RuleKind.DEAR_DESTINATION, euros=2, count=1)
    await watcher.see(*several(5, amount=4 * EURO, seconds=120))
    await watcher.see(Rated(minute=10, amount=4_010_000, seconds=120))
    assert await watcher.alerts() == []
    await watcher.see(Rated(minute=11, amount=200_001, seconds=6))
    [alert] = await watcher.alerts()
    assert alert.message == "2 calls dearer than 2 EUR a minute within 1 hour; the limit is 1"


async def test_accounts_of_another_currency_are_not_judged_by_an_amount(watcher: Watcher) -> None:
    """100,000 dong are not 100,000 euros."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    await watcher.see(*several(5, amount=100_000 * EURO, currency="VND"))
    assert await watcher.alerts() == []


@pytest.mark.parametrize(
    "other",
    [
        {"kind": ChargeKind.CHARGE_KIND_RECURRING_FEE},
        {"party": Party.PARTY_RESELLER},
        {"party": Party.PARTY_SUPPLIER},
    ],
    ids=["a monthly fee", "what the reseller pays", "what the carrier gets"],
)
async def test_what_is_not_the_customers_call_is_not_judged(
    watcher: Watcher, other: dict[str, Any]
) -> None:
    """Only what the customer's calls cost the customer counts."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    await watcher.see(Rated(amount=50 * EURO, **other))
    assert await watcher.alerts() == []


async def test_accounts_are_judged_apart(watcher: Watcher) -> None:
    """What two accounts spend together is nobody's excess."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    await watcher.see(Rated(amount=6 * EURO), Rated(amount=6 * EURO, account_id=BOB))
    assert await watcher.alerts() == []
    await watcher.see(Rated(minute=1, amount=6 * EURO, account_id=BOB))
    assert [alert.account_id for alert in await watcher.alerts()] == [BOB]
    assert await watcher.alerts(ANN) == []


async def test_tenants_are_judged_apart(watcher: Watcher) -> None:
    """The same account id at another operator is another account, without this one's rules."""
    other = Watcher(watcher.database, "globex")
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    await other.see(Rated(amount=50 * EURO))
    await watcher.see(Rated(amount=6 * EURO))
    assert await other.alerts() == await watcher.alerts() == []


async def test_an_alert_shows_at_most_a_hundred_charges_and_all_sums(watcher: Watcher) -> None:
    """The newest charges of the window are the evidence; the sums are of all."""
    await watcher.rule(RuleKind.CALL_VELOCITY, count=249)
    calls = several(250, every=0.1, amount=10_000)
    await watcher.see(*calls)
    [alert] = await watcher.alerts()
    assert (alert.evidence.call_count, alert.evidence.spent_micros) == (250, 2_500_000)
    assert alert.evidence.charge_ids == tuple(call.charge_id for call in calls[-100:])


async def test_the_order_of_arrival_does_not_matter(watcher: Watcher) -> None:
    """Late calls are held against the window that they belong to, not the one they arrive in."""
    await watcher.rule(RuleKind.CALL_VELOCITY, count=19, minutes=10)
    burst = several(20, start=300, every=0.4)
    calls = [*burst, *several(40, start=15, every=30)]
    random.Random(7).shuffle(calls)
    for number in range(0, len(calls), 7):
        await watcher.see(*calls[number : number + 7])
    [alert] = await watcher.alerts()
    assert set(alert.evidence.charge_ids) == {call.charge_id for call in burst}


async def test_two_bursts_of_one_batch_are_two_alerts(watcher: Watcher) -> None:
    """An imported file may hold more than one episode."""
    await watcher.rule(RuleKind.CALL_VELOCITY, count=4, minutes=10)
    await watcher.see(*several(5, start=0), *several(6, start=600))
    assert sorted(alert.evidence.call_count for alert in await watcher.alerts()) == [5, 6]

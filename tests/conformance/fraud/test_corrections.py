"""Revisions of charges move what the windows hold, once and by the right amount."""

from services.fraud.domain.rule import RuleKind
from tests.conformance.fraud.watcher import Rated, Watcher, several

EURO = 10**6


async def test_a_refunded_call_leaves_room_for_another(watcher: Watcher) -> None:
    """Limit 10 EUR: 9 EUR corrected down to 1 EUR leave room for 9 more, not for 9.01."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    call = Rated(amount=9 * EURO)
    await watcher.see(call, call.corrected_to(1 * EURO))
    await watcher.see(Rated(minute=1, amount=9 * EURO))
    assert await watcher.alerts() == []
    await watcher.see(Rated(minute=2, amount=1))
    [alert] = await watcher.alerts()
    assert (alert.evidence.call_count, alert.evidence.spent_micros) == (3, 10 * EURO + 1)


async def test_a_revision_is_no_further_call(watcher: Watcher) -> None:
    """One call corrected five times is one call."""
    await watcher.rule(RuleKind.CALL_VELOCITY, count=3)
    call = Rated(amount=EURO)
    for cents in range(5):
        await watcher.see(call)
        call = call.corrected_to(EURO + cents)
    assert await watcher.alerts() == []


async def test_a_call_priced_late_counts_from_then_on(watcher: Watcher) -> None:
    """An unrated call costs nothing; when a deck knows its number at last, its price counts."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    unrated = Rated(currency="")
    await watcher.see(unrated)
    await watcher.see(unrated.corrected_to(11 * EURO))
    [alert] = await watcher.alerts()
    assert alert.evidence.spent_micros == 11 * EURO


async def test_a_call_that_was_never_dear_is_taken_back(watcher: Watcher) -> None:
    """A wrong deck made three calls dear; its correction makes them cheap again."""
    await watcher.rule(RuleKind.DEAR_DESTINATION, euros=2, count=3)
    calls = several(3, amount=5 * EURO)
    await watcher.see(*calls)
    await watcher.see(*(call.corrected_to(EURO) for call in calls))
    await watcher.see(*several(3, start=5, amount=5 * EURO))
    assert await watcher.alerts() == []
    await watcher.see(Rated(minute=10, amount=5 * EURO))
    [alert] = await watcher.alerts()
    assert (alert.evidence.call_count, alert.evidence.spent_micros) == (4, 20 * EURO)


async def test_a_correction_can_make_a_call_dear(watcher: Watcher) -> None:
    """A cheap call that turns out to cost 5 EUR a minute counts with its whole price."""
    await watcher.rule(RuleKind.DEAR_DESTINATION, euros=2, count=1)
    calls = several(2, amount=EURO)
    await watcher.see(*calls)
    await watcher.see(*(call.corrected_to(5 * EURO) for call in calls))
    [alert] = await watcher.alerts()
    assert (alert.evidence.call_count, alert.evidence.spent_micros) == (2, 10 * EURO)


async def test_money_is_right_even_for_charges_that_a_full_step_forgot(watcher: Watcher) -> None:
    """A step remembers a hundred charges; corrections of the others still move the money."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=100)
    calls = several(150, every=0.01, amount=EURO // 2)
    await watcher.see(*calls)
    await watcher.see(*(call.corrected_to(EURO) for call in calls))
    [alert] = await watcher.alerts()
    assert (alert.evidence.call_count, alert.evidence.spent_micros) == (150, 150 * EURO)


async def test_a_correction_of_a_call_from_before_the_rule_changes_nothing(
    watcher: Watcher,
) -> None:
    """A rule judges what arrives while it is in force; re-rating last month is no spree."""
    calls = several(10, amount=5 * EURO)
    await watcher.see(*calls)
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    await watcher.see(*(call.corrected_to(6 * EURO) for call in calls))
    assert await watcher.alerts() == []

"""One alert an episode; blocks, pardons and what they publish."""

from datetime import timedelta

import pytest

from kernel.clock import utc_now
from kernel.errors import DomainError
from services.fraud.domain.rule import RuleAction, RuleKind
from services.fraud.store.schema import window_step_table
from services.fraud.store.windows import drop_steps
from services.fraud.usecases.block_account import block_account
from services.fraud.usecases.forget_old_steps import STEP_KEPT
from tests.conformance.fraud.watcher import ANN, NOON, Rated, Watcher, several
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked, AccountUnblocked, AlertRaised

EURO = 10**6


def minutes_from_noon_until_now() -> float:
    return (utc_now() - NOON) / timedelta(minutes=1)


async def test_a_lasting_spree_is_one_alert_that_shows_its_worst(watcher: Watcher) -> None:
    """Two hours of a call a minute: one alert, published once, that shows the fullest hour."""
    await watcher.rule(RuleKind.CALL_VELOCITY, count=9)
    for call in several(120, every=1):
        await watcher.see(call)
    [alert] = await watcher.alerts()
    assert alert.evidence.call_count == 60
    assert [type(event) for event in await watcher.published()] == [AlertRaised]


async def test_a_second_spree_is_a_second_alert(watcher: Watcher) -> None:
    """When a window passes without excess, the episode is over."""
    await watcher.rule(RuleKind.CALL_VELOCITY, count=4, minutes=10)
    await watcher.see(*several(5, start=0))
    await watcher.see(*several(5, start=30))
    first, second = sorted(await watcher.alerts(), key=lambda alert: alert.alert_id)
    assert first.evidence.last_call_micros < second.evidence.first_call_micros


async def test_a_rule_that_blocks_publishes_the_block_once(watcher: Watcher) -> None:
    """The block names its alert; more of the same changes nothing."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10, action=RuleAction.BLOCK)
    await watcher.see(Rated(amount=11 * EURO))
    await watcher.see(Rated(minute=1, amount=11 * EURO))
    [alert] = await watcher.alerts()
    block = await watcher.block_of(ANN)
    assert block is not None
    assert (block.reason, block.actor) == (alert.alert_id, "fraud")
    raised, blocked = await watcher.published()
    assert isinstance(raised, AlertRaised)
    assert isinstance(blocked, AccountBlocked)
    assert (blocked.account_id, blocked.reason) == (ANN, alert.alert_id)


async def test_a_rule_that_alerts_does_not_block(watcher: Watcher) -> None:
    """Whoever only wants to know is only told."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10)
    await watcher.see(Rated(amount=11 * EURO))
    assert await watcher.block_of(ANN) is None


async def test_what_an_unblocked_account_did_before_never_blocks_it_again(
    watcher: Watcher,
) -> None:
    """'It was me': late calls and corrections of the pardoned time count no more."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10, action=RuleAction.BLOCK)
    call = Rated(amount=11 * EURO)
    await watcher.see(call)
    await watcher.unblock()
    await watcher.see(call.corrected_to(50 * EURO), Rated(minute=1, amount=50 * EURO))
    assert await watcher.block_of(ANN) is None
    assert len(await watcher.alerts()) == 1


async def test_an_unblocked_account_that_does_it_again_is_blocked_again(
    watcher: Watcher,
) -> None:
    """Calls that start after the pardon make an alert and a block of their own."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10, action=RuleAction.BLOCK)
    await watcher.see(Rated(amount=11 * EURO))
    await watcher.unblock()
    await watcher.see(Rated(minute=minutes_from_noon_until_now() + 1, amount=11 * EURO))
    newest, _ = await watcher.alerts()
    block = await watcher.block_of(ANN)
    assert block is not None
    assert block.reason == newest.alert_id


async def test_a_switch_whose_clock_is_ahead_does_not_undo_the_pardon(watcher: Watcher) -> None:
    """Calls from the future that were seen before the unblocking are pardoned with the rest."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10, action=RuleAction.BLOCK)
    ahead = minutes_from_noon_until_now() + 5
    await watcher.see(Rated(minute=ahead, amount=11 * EURO))
    await watcher.unblock()
    await watcher.see(Rated(minute=ahead, name="another", amount=11 * EURO))
    assert await watcher.block_of(ANN) is None


async def test_a_call_with_an_absurd_date_is_no_pardon_for_years(watcher: Watcher) -> None:
    """A record dated a year ahead was counted; after the unblocking, tomorrow's calls count."""
    await watcher.rule(RuleKind.SPEND_VELOCITY, euros=10, action=RuleAction.BLOCK)
    now = minutes_from_noon_until_now()
    await watcher.see(Rated(minute=now + 365 * 1440, amount=11 * EURO))
    await watcher.unblock()
    await watcher.see(Rated(minute=now + 1440, name="tomorrow", amount=11 * EURO))
    assert await watcher.block_of(ANN) is not None


async def test_blocking_a_blocked_account_keeps_the_first_reason(watcher: Watcher) -> None:
    """A block has one reason and one event."""
    first = await watcher.run(block_account, ANN, "called from prison", "ops@acme")
    again = await watcher.run(block_account, ANN, "unpaid", "sales@acme")
    assert again == first
    assert len(await watcher.published()) == 1


async def test_unblocking_tells_rating_after_the_block(watcher: Watcher) -> None:
    """Both events are in one partition, so that they are heeded in their order."""
    await watcher.run(block_account, ANN, "called from prison", "ops@acme")
    await watcher.unblock()
    blocked, unblocked = await watcher.published()
    assert isinstance(blocked, AccountBlocked)
    assert isinstance(unblocked, AccountUnblocked)
    assert await watcher.block_of(ANN) is None


async def test_an_account_that_is_not_blocked_cannot_be_unblocked(watcher: Watcher) -> None:
    """Pardoning by mistake would hide what comes next."""
    with pytest.raises(DomainError, match="ACCOUNT_NOT_BLOCKED"):
        await watcher.unblock()


async def test_steps_that_nothing_was_added_to_for_long_are_dropped(watcher: Watcher) -> None:
    """What is kept is bounded by what arrived within two days."""
    await watcher.rule(RuleKind.CALL_VELOCITY, count=1000)
    await watcher.see(*several(12, every=60))
    kept = await watcher.database.write(lambda uow: drop_steps(uow.connection, uow.now - STEP_KEPT))
    dropped = await watcher.database.write(
        lambda uow: drop_steps(uow.connection, uow.now + timedelta(seconds=1))
    )
    assert (kept, dropped) == (0, 12)
    assert await watcher.count_rows(window_step_table) == 0

"""Every replica charges by what its own transaction sees, whatever it has in memory."""

from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import NOON, seconds_later


async def test_a_plan_that_another_replica_heard_of_prices_the_next_call(desk: Desk) -> None:
    """An account's agreements in memory count only while the database says that they stand."""
    account_id, cheap = new_uuid(), new_uuid()
    other = Desk(desk.database, deck_id=desk.deck_id)
    await desk.know_account(account_id)
    await desk.collect(desk.call(account_id=account_id))
    assert (await desk.charge(account_id)).unrated_reason == "NO_PLAN"

    await desk.create_plan(plan_id=cheap, code="cheap")
    desk.plan_id = cheap
    await desk.publish_terms()
    await other.subscribe(account_id, cheap)
    await desk.collect(desk.call(account_id=account_id, start=seconds_later(NOON, 60)))

    newest, first = await desk.charges(account_id)
    assert newest.amount == desk.money(60_000)
    assert first.unrated_reason == "NO_PLAN"

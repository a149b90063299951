"""The first call after a start waits for nothing that could have been made ready before."""

from sqlalchemy import update

from kernel.clock import to_micros
from services.rating.domain.decks.prefix_table import NO_ROW
from services.rating.store.schema import plan_revision
from services.rating.usecases.charging.charging_memory import ChargingMemory
from services.rating.usecases.warm_up import warm_up
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.quoting import call, priced_rows
from tests.conformance.rating.records import NETHERLANDS, NOON
from tests.conformance.rating.test_quote_freshness import replica_of


async def test_a_started_replica_prices_the_first_call_without_asking(desk: Desk) -> None:
    """It has the tenant's tariff, a customer of it, and its decks open."""
    started = replica_of(desk)
    await warm_up(started.database, started.memory, settings_of(started))
    at_hand = started.memory.at_hand(desk.tenant_id, desk.account_id)
    assert at_hand is not None
    version = at_hand[0].version_at(desk.deck_id, to_micros(NOON))
    assert version is not None
    table = started.memory.table_at_hand(desk.tenant_id)(version.rate_deck_version_id)
    assert table.find_row(NETHERLANDS) != NO_ROW


async def test_a_start_without_time_makes_ready_what_calls_need_when_they_come(desk: Desk) -> None:
    """It takes no longer, and answers all the same."""
    started = replica_of(desk)
    await warm_up(started.database, started.memory, settings_of(started), seconds=0)
    assert started.memory.at_hand(desk.tenant_id, desk.account_id) is None
    [priced] = await priced_rows(started, [call(started)])
    assert priced.HasField("price")


async def test_a_tenant_that_cannot_be_read_keeps_nobody_from_starting(desk: Desk) -> None:
    """A newer release wrote its plans: its calls fail, those of others are answered."""
    newer = update(plan_revision).values(terms='{"version": 2}')
    await desk.database.write(lambda uow: uow.connection.execute(newer))
    started = replica_of(desk)
    await warm_up(started.database, started.memory, settings_of(started))
    assert started.memory.at_hand(desk.tenant_id, desk.account_id) is None


def settings_of(desk: Desk) -> ChargingMemory:
    """What charging knows of tenants."""
    return ChargingMemory(desk.database, desk.watch)

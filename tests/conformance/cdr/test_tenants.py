"""Two tenants with the same source codes, lines and calls: nothing crosses."""

from chassis.database.engine import Database
from services.cdr.store.digest import Counts
from tests.conformance.cdr.exchange import Exchange, rated_event
from tests.conformance.cdr.test_prices import charge
from tests.unit.cdr.asterisk import asterisk_line

ACME_ACCOUNT = "0195a000-0000-7000-8000-0000000000a1"
BETA_ACCOUNT = "0195a000-0000-7000-8000-0000000000b1"


async def two_tenants(database: Database) -> tuple[Exchange, Exchange]:
    acme = await Exchange.create(database, "acme")
    beta = await Exchange.create(database, "beta")
    await acme.add_line("alice", ACME_ACCOUNT)
    await beta.add_line("alice", BETA_ACCOUNT)
    return acme, beta


async def test_the_same_record_is_a_call_of_each_tenant(database: Database) -> None:
    """Equal codes and call keys are two calls, each of its own account and event."""
    acme, beta = await two_tenants(database)
    await acme.import_lines(asterisk_line())
    await beta.import_lines(asterisk_line(), asterisk_line())
    [acmes], [betas] = await acme.calls(), await beta.calls()
    assert (acmes.account_id, betas.account_id) == (ACME_ACCOUNT, BETA_ACCOUNT)
    assert acmes.call_id != betas.call_id
    assert await acme.counts() == Counts(1, 1, 0, 0, 1)
    assert await beta.counts() == Counts(2, 1, 1, 0, 1)
    assert len(await acme.collected()) == len(await beta.collected()) == 1


async def test_one_tenants_line_releases_no_record_of_the_other(database: Database) -> None:
    """Both wait for bob; only one of them gets him."""
    acme, beta = await two_tenants(database)
    for tenant in (acme, beta):
        await tenant.import_lines(asterisk_line(channel="PJSIP/bob-00000001"))
    await beta.add_line("bob", BETA_ACCOUNT)
    await beta.retry_due()
    assert (len(await acme.suspended()), len(await beta.suspended())) == (1, 0)
    assert (await acme.calls(), len(await beta.calls())) == ([], 1)


async def test_a_price_under_the_wrong_tenant_changes_nothing(database: Database) -> None:
    """The tenant of the event is part of the key of the call."""
    acme, beta = await two_tenants(database)
    await acme.import_lines(asterisk_line())
    [call] = await acme.calls()
    await beta.rate(rated_event([charge(call)]))
    assert (await acme.calls())[0].rating_outcome == 0


async def test_a_retry_reaches_only_the_tenants_own_records(database: Database) -> None:
    """Suspense of another tenant is neither seen nor moved."""
    acme, beta = await two_tenants(database)
    await acme.import_lines("rubbish")
    assert (await beta.retry()).suspended == 0
    assert await beta.suspended() == []
    assert (await acme.suspended())[0].retry_time is None

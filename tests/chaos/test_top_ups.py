"""Top-ups while payment and its gateway die: money that was taken is in the books, once."""

import asyncio
import sys
from datetime import timedelta
from itertools import cycle, islice

import pytest

from tests.chaos.conftest import SEED, SHORT, TENANT, tollbook
from tests.support.operator import MONTH, Operator
from tests.support.placed_calls import PlacedCall, asterisk_csv
from tests.support.suite import FACT_SECONDS_MAX, Suite, fact
from tests.support.top_ups import TopUps

pytestmark = pytest.mark.timeout(900)

EURO = 10**6
# About one top-up for each call.
STARTED_WITH, THRESHOLD, AMOUNT = 1, 5, 8
CODES = [f"prepaid-{number}" for number in range(10)]
# An hour to a mobile.
CALL_MICROS = 7_200_000
VICTIMS = ["payment", "payment", "gateway"]
ROUNDS = 3 if SHORT else 8
CRASHES = ["after-prepare-before-reference", "after-debit-before-posting"]
CRASHES_SHORT = CRASHES[1:]
FAULT_PERCENT = 10
# What has met several faults in a row is asked for again after minutes only.
FULL_SECONDS_MAX = 500


async def test_top_ups_outlive_kills_of_payment_and_faults_of_the_gateway(suite: Suite) -> None:
    """Each request to the gateway may go wrong, and payment and the gateway die in the middle.

    What the gateway took is what was posted, collection by collection, and every wallet is full.
    """
    operator = Operator(suite, TENANT)
    await operator.set_up([])
    await operator.create_prepaid_accounts(dict.fromkeys(CODES, STARTED_WITH))
    top_ups = TopUps(suite, operator)
    await attach_to_all(top_ups, THRESHOLD)
    await restart_faulty_gateway(suite, seed=SEED)
    for number, victim in enumerate(islice(cycle(VICTIMS), ROUNDS)):
        seen = await top_ups.asked_count()
        await operator.import_file(calls(number), name=f"{number}.csv")
        await fact("money is asked for", top_ups.asked_count, seen.__lt__)
        await kill(suite, victim, SEED + number)
    await assert_full(suite, top_ups, ROUNDS, THRESHOLD)


@pytest.mark.parametrize("point", CRASHES_SHORT if SHORT else CRASHES)
async def test_a_crash_between_two_steps_of_a_collection_takes_money_once(
    suite: Suite, point: str
) -> None:
    """Payment dies when the gateway has done its part and nothing of that is stored."""
    operator = Operator(suite, TENANT)
    await operator.set_up([])
    await operator.create_prepaid_accounts(dict.fromkeys(CODES, STARTED_WITH))
    top_ups = TopUps(suite, operator)
    await attach_to_all(top_ups, threshold=0)
    suite.supervisor.stop("payment")
    command = [sys.executable, "-m", "tests.chaos.crash_points", point, "serve", "payment"]
    suite.supervisor.start("payment", command)
    await operator.import_file(calls(0))
    assert await asyncio.to_thread(suite.supervisor.wait_for_end, "payment", FACT_SECONDS_MAX)
    suite.supervisor.start("payment")
    await asyncio.to_thread(suite.supervisor.wait_ready, "payment")
    await assert_full(suite, top_ups, rounds=1, threshold=0)


async def attach_to_all(top_ups: TopUps, threshold: int) -> None:
    """Give each account a card of its own, and let it top itself up."""
    for code in CODES:
        card = await top_ups.attach(code, f"pm_card_visa_{code}")
        await top_ups.top_up(code, card.instrument_id, threshold, AMOUNT)


def calls(number: int) -> bytes:
    """A call of each account."""
    start = MONTH + timedelta(hours=2 * number)
    return asterisk_csv(
        [PlacedCall(code, "31612345678", start, 3_600, f"{code}.{number}") for code in CODES]
    )


async def kill(suite: Suite, victim: str, seed: int) -> None:
    """End a process as a power cut would, while collections are under way, and start it again."""
    if victim == "gateway":
        return await restart_faulty_gateway(suite, seed)
    suite.supervisor.kill(victim)
    suite.supervisor.start(victim)
    return await asyncio.to_thread(suite.supervisor.wait_ready, victim)


async def restart_faulty_gateway(suite: Suite, seed: int) -> None:
    """The gateway dies, and comes back with faults at random; it remembers what it took."""
    suite.supervisor.kill("gateway")
    installation = suite.installation
    options = {
        "--port": installation.ports.gateway,
        "--file": installation.folder / "gateway.sqlite3",
        "--fault-percent": FAULT_PERCENT,
        "--seed": seed,
    }
    words = [str(word) for option in options.items() for word in option]
    command = [sys.executable, "-m", "deploy.local.sandbox_gateway", *words]
    suite.supervisor.start("gateway", command)
    await asyncio.to_thread(suite.supervisor.wait_ready, "gateway")


async def assert_full(suite: Suite, top_ups: TopUps, rounds: int, threshold: int) -> None:
    """Wait until nothing is pending and each wallet is above its threshold; recount it all."""
    spent = rounds * CALL_MICROS - STARTED_WITH * EURO
    top_up_count = (threshold * EURO + spent) // (AMOUNT * EURO) + 1
    full = dict.fromkeys(CODES, top_up_count * AMOUNT * EURO - spent)

    async def wallets() -> dict[str, int]:
        return {code: await top_ups.wallet_micros(code) for code in CODES}

    await fact("every wallet is full", wallets, full.__eq__, FULL_SECONDS_MAX)
    await fact("nothing is pending", top_ups.pending_count, (0).__eq__)
    taken = await top_ups.taken()
    assert len(taken) == top_up_count * len(CODES)
    assert taken == await top_ups.posted()
    suite.supervisor.check()
    await tollbook(suite, "reconcile", "--complete")

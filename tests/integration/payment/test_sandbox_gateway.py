"""The sandbox gateway keeps Stripe's rules, so that tests against it mean something."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.local.sandbox_gateway.faults import Fault, Faults
from deploy.local.sandbox_gateway.methods import METHODS
from deploy.local.sandbox_gateway.store import KEY_SECONDS
from tests.support.sandbox_gateway import MovableClock, RunningGateway, running_gateway

INTENTS = "/v1/payment_intents"
FORM = {
    "amount": "2000",
    "currency": "eur",
    "customer": "cus_anna",
    "payment_method": "pm_card_visa",
    "metadata[collection_id]": "c-1",
}

Answer = tuple[int, dict[str, Any], bool]


class Caller:
    """Sends forms as Stripe's own clients do."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post(self, path: str, form: dict[str, str] | None = None, key: str = "") -> Answer:
        """The status, the body, and whether the answer is an earlier one."""
        headers = {"Idempotency-Key": key} if key else {}
        async with self._session.post(path, data=form or {}, headers=headers) as answer:
            replayed = answer.headers.get("Idempotent-Replayed") == "true"
            return answer.status, await answer.json(), replayed

    async def get(self, path: str) -> Any:
        async with self._session.get(path) as answer:
            return await answer.json()

    async def create(self, method: str = "pm_card_visa") -> str:
        """The reference of a new intent."""
        _, body, _ = await self.post(INTENTS, {**FORM, "payment_method": method})
        return str(body["id"])

    async def confirm(self, reference: str, key: str = "") -> Answer:
        return await self.post(f"{INTENTS}/{reference}/confirm", {"off_session": "true"}, key)


@pytest.fixture
async def caller(gateway: RunningGateway) -> AsyncIterator[Caller]:
    """Somebody with a key of the account aurora."""
    headers = {"Authorization": "Bearer sk_test_aurora_k1"}
    async with aiohttp.ClientSession(gateway.url, headers=headers) as session:
        yield Caller(session)


async def test_a_repeated_key_gets_the_first_answer(
    gateway: RunningGateway, caller: Caller
) -> None:
    """And the header that says so; there is one intent."""
    status, first, is_replayed = await caller.post(INTENTS, FORM, key="k")
    assert (status, first["status"], is_replayed) == (200, "requires_confirmation", False)
    assert await caller.post(INTENTS, FORM, key="k") == (200, first, True)
    assert len(gateway.sandbox.intents()) == 1


async def test_a_key_with_other_parameters_is_an_error(caller: Caller) -> None:
    """It is a mistake of the caller, not another intent."""
    await caller.post(INTENTS, FORM, key="k")
    status, body, _ = await caller.post(INTENTS, {**FORM, "amount": "2001"}, key="k")
    assert (status, body["error"]["type"]) == (400, "idempotency_error")


async def test_a_key_is_forgotten_after_a_day(caller: Caller, clock: MovableClock) -> None:
    """The same request makes another intent then."""
    _, first, _ = await caller.post(INTENTS, FORM, key="k")
    clock.ahead_seconds += KEY_SECONDS + 1
    _, second, is_replayed = await caller.post(INTENTS, FORM, key="k")
    assert (first["id"] != second["id"], is_replayed) == (True, False)


async def test_a_failure_is_saved_with_its_key(gateway: RunningGateway, caller: Caller) -> None:
    """Also the gateway's own; a mistake in the parameters is not."""
    gateway.sandbox.faults.plan("create", Fault.SAVED_ERROR)
    assert (await caller.post(INTENTS, FORM, key="k"))[0] == 500
    assert (await caller.post(INTENTS, FORM, key="k"))[::2] == (500, True)
    assert (await caller.post(INTENTS, {**FORM, "amount": "1"}, key="other"))[0] == 400
    assert (await caller.post(INTENTS, FORM, key="other"))[0] == 200


async def test_a_decline_is_saved_with_its_key(caller: Caller) -> None:
    """The card is not asked again."""
    reference = await caller.create("pm_card_chargeDeclined")
    status, body, _ = await caller.confirm(reference, key="k")
    assert (status, body["error"]["decline_code"]) == (402, "generic_decline")
    assert (await caller.confirm(reference, key="k"))[::2] == (402, True)


async def test_an_intent_succeeds_once(gateway: RunningGateway, caller: Caller) -> None:
    """However often, and by however many, it is confirmed."""
    reference = await caller.create()
    answers = await asyncio.gather(*(caller.confirm(reference) for _ in range(5)))
    assert sorted(status for status, _, _ in answers) == [200, 400, 400, 400, 400]
    assert gateway.sandbox.taken() == {"aurora": {"eur": 2000}}


async def test_a_declined_intent_needs_another_method(caller: Caller) -> None:
    """The one that declined is gone from it, so a late confirmation takes nothing."""
    reference = await caller.create("pm_card_chargeDeclinedInsufficientFunds")
    await caller.confirm(reference)
    intent = await caller.get(f"{INTENTS}/{reference}")
    assert (intent["status"], intent["payment_method"]) == ("requires_payment_method", None)
    assert (await caller.confirm(reference))[0] == 400


async def test_a_cancelled_intent_stays_cancelled(caller: Caller) -> None:
    """And one that has succeeded cannot be cancelled."""
    cancelled, paid = await caller.create(), await caller.create()
    assert (await caller.post(f"{INTENTS}/{cancelled}/cancel"))[1]["status"] == "canceled"
    assert (await caller.confirm(cancelled))[0] == 400
    await caller.confirm(paid)
    assert (await caller.post(f"{INTENTS}/{paid}/cancel"))[0] == 400


async def test_accounts_do_not_see_each_other(gateway: RunningGateway, caller: Caller) -> None:
    """A key opens the intents of its account only; without one, none."""
    reference = await caller.create()
    for key, status in (("sk_test_borealis_k1", 404), ("sk_live_k1", 401), ("", 401)):
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession(gateway.url, headers=headers) as session,
            session.get(f"{INTENTS}/{reference}") as answer,
        ):
            assert answer.status == status


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    """What was taken, what keys were answered and which methods are gone is in the file."""
    headers = {"Authorization": "Bearer sk_test_aurora_k1"}
    taken = []
    for _ in range(2):
        async with (
            running_gateway(tmp_path) as gateway,
            aiohttp.ClientSession(gateway.url, headers=headers) as session,
        ):
            caller = Caller(session)
            _, intent, _ = await caller.post(INTENTS, FORM, key="k")
            await caller.confirm(intent["id"])
            gateway.sandbox.behave("pm_card_amex", like=None)
            taken.append(await caller.get("/sandbox/taken"))
    assert taken == [{"aurora": {"eur": 2000}}] * 2


async def test_faults_and_methods_can_be_set_from_outside(
    gateway: RunningGateway, caller: Caller
) -> None:
    """As a test of real processes does."""
    async with aiohttp.ClientSession(gateway.url) as session:
        fault = {"operation": "create", "fault": "rateLimit"}
        await session.post("/sandbox/faults", json=fault)
        await session.post("/sandbox/methods", json={"method": "pm_card_visa", "like": None})
        async with session.get("/") as page:
            text = await page.text()
    assert [reference for reference in METHODS if reference not in text] == []
    assert (await caller.post(INTENTS, FORM))[0] == 429
    assert (await caller.post(INTENTS, FORM))[0] == 404


def test_random_faults_are_as_many_as_asked_for_and_the_same_for_a_seed() -> None:
    """So that a failing run can be tried again."""
    runs = [
        [faults.next_of("confirm") for _ in range(2_000)]
        for faults in (Faults(percent=25, seed=7), Faults(percent=25, seed=7))
    ]
    assert runs[0] == runs[1]
    assert 400 < sum(fault is not None for fault in runs[0]) < 600
    assert Fault.KEY_REFUSED not in runs[0]

"""Switches charge calls over RADIUS: the accepted is held, the acknowledged is committed."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyrad.packet import AccessAccept, AccessReject, AccountingResponse, AuthPacket, Packet

from services.rating.api.radius.clients_file import ClientsFile
from services.rating.api.radius.door import RadiusDoor
from services.rating.api.radius.server import RadiusServer
from services.rating.domain.charging.session import SessionState
from services.rating.domain.charging.transfers import StepResult, TransferStep
from services.rating.usecases.charging.charging_memory import ChargingMemory
from tests.conformance.rating.charging_desk import ChargingDesk, PurseFunds
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import NETHERLANDS, euros
from tests.support.udp_switch import Switch
from tests.unit.rating.live_calls import Purse
from tests.unit.rating.radius import (
    DICTIONARY,
    SECRET,
    access_request,
    accounting_request,
    clients_file,
)

EURO = 10**6
START, STOP, INTERIM, FAILED = 1, 2, 3, 15
BYE = 8
SECONDS_MAX = 10


class MoodyFunds(PurseFunds):
    """Stands where payment's holds are, and answers only when it may."""

    def __init__(self, purse: Purse) -> None:
        super().__init__(purse)
        self.answers = asyncio.Event()
        self.answers.set()

    async def execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        await self.answers.wait()
        return await super().execute(tenant_id, steps)


class Proxy:
    """A proxy that speaks to a replica of rating."""

    def __init__(self, charging: ChargingDesk, funds: MoodyFunds, server: RadiusServer) -> None:
        self.charging = charging
        self.funds = funds
        self.server = server
        self._authentication = Switch(server.authentication.port)
        self._accounting = Switch(server.accounting.port)

    async def authorise(self, **attributes: Any) -> Packet:
        request = access_request(self._attributes(attributes))
        return _opened(request, await self._authentication.ask(request))

    async def tell(self, status: int, **attributes: Any) -> Packet:
        told = {"Acct-Status-Type": status, **self._attributes(attributes)}
        request = accounting_request(told)
        return _opened(request, await self._accounting.ask(request))

    def close(self) -> None:
        self._authentication.close()
        self._accounting.close()

    def _attributes(self, changes: dict[str, Any]) -> dict[str, Any]:
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        return {
            "User-Name": "alice",
            "Acct-Session-Id": "call-1",
            "Calling-Station-Id": "31209876543",
            "Called-Station-Id": NETHERLANDS,
            **named,
        }


def _opened(request: bytes, response: bytes) -> Packet:
    asked = AuthPacket(packet=request, secret=SECRET, dict=DICTIONARY)
    answer = asked.CreateReply(packet=response)
    assert asked.VerifyReply(answer, response)
    return answer


@pytest.fixture
def purse(desk: Desk) -> Purse:
    return Purse({desk.account_id: EURO})


@pytest.fixture
async def proxies(desk: Desk, purse: Purse, tmp_path: Path) -> AsyncIterator[list[Proxy]]:
    """The same proxy before two replicas."""
    entries = {"tenant": desk.tenant_id, "account_id": desk.account_id, "name": "sbc"}
    clients = clients_file(tmp_path, profile="kamailio", requested_seconds=60, **entries)
    servers, tasks, proxies = [], [], []
    for _ in range(2):
        funds = MoodyFunds(purse)
        charging = ChargingDesk(desk, funds)
        door = RadiusDoor(charging.charging, ChargingMemory(desk.database, desk.watch))
        server = RadiusServer(door, ClientsFile(clients, frozenset({"112"})), DICTIONARY)
        tasks.append(asyncio.create_task(server.serve("127.0.0.1:0", "127.0.0.1:0")))
        servers.append(server)
        while not server.accounting.is_listening:
            await asyncio.sleep(0.01)
        proxies.append(Proxy(charging, funds, server))
    yield proxies
    for proxy, task in zip(proxies, tasks, strict=True):
        proxy.close()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def proxy(proxies: list[Proxy]) -> Proxy:
    """The proxy before the first replica."""
    return proxies[0]


async def test_a_call_is_authorised_metered_and_charged(proxy: Proxy, purse: Purse) -> None:
    """A minute costs 0.06; what is acknowledged is committed."""
    accepted = await proxy.authorise()
    assert (accepted.code, accepted["Session-Timeout"]) == (AccessAccept, [60])
    assert sum(micros for _, micros in purse.held.values()) == 60_000
    assert (await proxy.tell(START, Sip_Response_Code=200)).code == AccountingResponse
    await proxy.tell(INTERIM, Acct_Session_Time=40)
    assert (await proxy.charging.session("sbc:call-1")).used_seconds == 40
    await proxy.tell(STOP, Sip_Method=BYE, Acct_Session_Time=50)
    session = await proxy.charging.session("sbc:call-1")
    assert (session.state, session.used_seconds) == (SessionState.CLOSED, 50)
    assert euros([await proxy.charging.desk.charge()]) == ["0.0500"]
    assert not purse.held


async def test_a_call_without_money_is_rejected(proxy: Proxy, purse: Purse) -> None:
    """With the reason in words and as a status of SIP."""
    purse.money[proxy.charging.desk.account_id] = 0
    rejected = await proxy.authorise()
    assert rejected.code == AccessReject
    assert rejected["Reply-Message"] == ["INSUFFICIENT_FUNDS"]
    assert rejected["Sip-Response-Code"] == [402]


async def test_a_number_that_is_none_is_rejected(proxy: Proxy) -> None:
    """484: the address is incomplete."""
    rejected = await proxy.authorise(Called_Station_Id="sip:bob@example.com")
    assert (rejected.code, rejected["Sip-Response-Code"]) == (AccessReject, [484])


async def test_no_telephone_number_is_in_the_log(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither of a call that is rejected nor of a record that is of no use."""
    unknown = {"Acct_Session_Id": "call-2", "Called_Station_Id": "0" * 30}
    await proxy.authorise(**unknown)
    await proxy.tell(STOP, Acct_Session_Time=9, **unknown)
    assert "INVALID_NUMBER" in caplog.text
    assert "UNKNOWN_SESSION" in caplog.text
    assert caplog.text.count("session 'call-2'") == 2
    assert "0" * 10 not in caplog.text


async def test_an_emergency_call_is_accepted_without_money(proxy: Proxy, purse: Purse) -> None:
    """Nothing is held for it."""
    purse.money[proxy.charging.desk.account_id] = 0
    assert (await proxy.authorise(Called_Station_Id="112")).code == AccessAccept
    assert not purse.held


async def test_a_call_that_failed_frees_its_money(proxy: Proxy, purse: Purse) -> None:
    """486: nothing is charged."""
    await proxy.authorise()
    await proxy.tell(FAILED, Sip_Response_Code=486)
    assert (await proxy.charging.session("sbc:call-1")).state is SessionState.CLOSED
    assert not purse.held


async def test_a_stop_without_seconds_counts_from_the_answer(proxy: Proxy) -> None:
    """acc_radius tells two times, and the session knows the first."""
    begin = int(time.time()) - 100
    await proxy.authorise(Event_Timestamp=begin)
    await proxy.tell(START, Sip_Response_Code=200, Event_Timestamp=begin + 5)
    await proxy.tell(STOP, Sip_Method=BYE, Event_Timestamp=begin + 25)
    assert (await proxy.charging.session("sbc:call-1")).used_seconds == 20


async def test_a_call_that_nobody_authorised_is_charged(proxy: Proxy) -> None:
    """The Stop tells all of it."""
    await proxy.tell(STOP, Sip_Method=BYE, Acct_Session_Time=60)
    assert euros([await proxy.charging.desk.charge()]) == ["0.0600"]


async def test_a_clock_that_is_far_off_loses_no_charge(proxy: Proxy) -> None:
    """A set-up time of 1969 counts as missing."""
    far_off = "1969-12-31T23:00:00+00:00"
    await proxy.tell(STOP, Sip_Method=BYE, Acct_Session_Time=60, h323_setup_time=far_off)
    assert euros([await proxy.charging.desk.charge()]) == ["0.0600"]


async def test_a_proxy_that_only_accounts_is_metered_from_the_answer(
    proxy: Proxy, purse: Purse
) -> None:
    """Nobody authorised the call, and its Stop tells no seconds."""
    begin = int(time.time()) - 100
    await proxy.tell(START, Sip_Response_Code=200, Event_Timestamp=begin)
    assert purse.held
    await proxy.tell(STOP, Sip_Method=BYE, Event_Timestamp=begin + 30)
    assert euros([await proxy.charging.desk.charge()]) == ["0.0300"]


async def test_what_is_repeated_at_another_replica_is_harmless(
    proxies: list[Proxy], purse: Purse
) -> None:
    """Session and sequence know it, where no cache does."""
    for proxy in proxies:
        assert (await proxy.authorise())["Session-Timeout"] == [60]
    assert len(purse.held) == 1
    for proxy in proxies:
        await proxy.tell(START, Sip_Response_Code=200)
    for proxy in proxies:
        await proxy.tell(STOP, Sip_Method=BYE, Acct_Session_Time=50)
    assert euros([await proxies[0].charging.desk.charge()]) == ["0.0500"]
    assert not purse.held


async def test_what_is_not_committed_is_not_acknowledged(proxy: Proxy) -> None:
    """The proxy repeats it, and is answered as soon as it is committed."""
    await proxy.authorise()
    proxy.funds.answers.clear()
    waiting = asyncio.create_task(proxy.tell(INTERIM, Acct_Session_Time=40))
    async with asyncio.timeout(SECONDS_MAX):
        while not proxy.server.accounting.counts["unanswered"]:
            await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()
    proxy.funds.answers.set()
    await proxy.tell(INTERIM, Acct_Session_Time=40)
    assert (await proxy.charging.session("sbc:call-1")).used_seconds == 40


async def test_a_record_of_no_use_is_acknowledged_and_told(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """The switch would repeat it for ever, and take the server for dead."""
    answer = await proxy.tell(STOP, Acct_Session_Time=9, Called_Station_Id="bob")
    assert answer.code == AccountingResponse
    assert "UNKNOWN_SESSION" in caplog.text

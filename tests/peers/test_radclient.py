"""FreeRADIUS's own client, as a gateway of the Cisco kind: it verifies every answer itself."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.ports import LOOPBACK
from tests.peers.exchange import (
    CALLEE,
    MICROS_PER_SECOND_OF_CALL,
    SECRET,
    Exchange,
    amount_micros,
)
from tollbook.rating.v1 import charging_pb2 as charging

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

ACCEPTED, REJECTED, ACKNOWLEDGED = "Access-Accept", "Access-Reject", "Accounting-Response"
# radclient signs in the place of the zero.
SIGNED = {"Message-Authenticator": "0x00"}
TALKED = timedelta(seconds=65.5)


def times_of_a_call() -> dict[str, str]:
    """A call that has just ended, by a clock of Cisco's."""
    end = datetime.now(UTC)
    times = {"h323-connect-time": end - TALKED, "h323-disconnect-time": end}
    return {name: f"{name}=*{time:%H:%M:%S.%f GMT %a %b %d %Y}" for name, time in times.items()}


class Gateway:
    """A gateway whose packets radclient sends."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def authorise(
        self, conference: str, user: str = "alice", secret: str = SECRET, **more: str
    ) -> str:
        """What it was answered; nothing when there was no answer that it could verify."""
        attributes = {**self._call(conference, user), **SIGNED, **more}
        return await self._send("auth", self._exchange.authentication_port, attributes, secret)

    async def authorise_unsigned(self, conference: str) -> str:
        """What it was answered, by a server that has only its address for who it is."""
        call = self._call(conference, "alice")
        return await self._send("auth", self._exchange.authentication_port, call, SECRET)

    async def tell(self, status: str, conference: str, secret: str = SECRET, **more: str) -> str:
        """What it was answered."""
        attributes = {"Acct-Status-Type": status, **self._call(conference, "alice"), **more}
        return await self._send("acct", self._exchange.accounting_port, attributes, secret)

    async def ask_for_health(self) -> str:
        """A Status-Server."""
        return await self._send("status", self._exchange.accounting_port, SIGNED, SECRET)

    def _call(self, conference: str, user: str) -> dict[str, str]:
        return {
            "User-Name": user,
            "h323-conf-id": f"h323-conf-id={conference}",
            "h323-call-origin": "h323-call-origin=answer",
            "Acct-Session-Id": conference,
            "Calling-Station-Id": "31209876543",
            "Called-Station-Id": CALLEE,
        }

    async def _send(self, kind: str, port: int, attributes: Mapping[str, str], secret: str) -> str:
        lines = "\n".join(f'{name} = "{value}"' for name, value in attributes.items())
        process = await asyncio.create_subprocess_exec(
            *("radclient", "-x", "-r", "2", "-t", "2", f"{LOOPBACK}:{port}", kind, secret),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate(lines.replace('"0x00"', "0x00").encode())
        return said.decode().partition("Received ")[2]


@pytest.fixture
def gateway(exchange: Exchange) -> Gateway:
    """A gateway of the Cisco kind on this machine."""
    exchange.let_in('profile = "cisco"\nrequire_message_authenticator = true\n')
    return Gateway(exchange)


async def test_a_call_is_granted_in_seconds_and_charged_by_its_times(
    exchange: Exchange, gateway: Gateway
) -> None:
    """65.5 seconds by the gateway's clock are 66 begun ones."""
    before = (await exchange.money("alice")).balance
    accepted = await gateway.authorise("931C 0F44", **{"User-Password": "not looked at"})
    assert accepted.startswith(ACCEPTED)
    assert 'h323-credit-time = "h323-credit-time=7200"' in accepted
    assert 'h323-return-code = "h323-return-code=0"' in accepted
    assert "Session-Timeout = 7200" in accepted
    start = await gateway.tell("Start", "931C 0F44")
    stop = await gateway.tell("Stop", "931C 0F44", **times_of_a_call())
    assert start.startswith(ACKNOWLEDGED)
    assert stop.startswith(ACKNOWLEDGED)
    session = await exchange.session("sip:931C 0F44", charging.SESSION_STATE_CLOSED)
    [charge] = await exchange.charges("alice", "931C 0F44")
    assert session.charge_id == charge.charge_id
    assert amount_micros(charge) == 66 * MICROS_PER_SECOND_OF_CALL
    assert (await exchange.money("alice")).balance == before - amount_micros(charge)


async def test_a_call_without_money_is_rejected_with_its_code(gateway: Gateway) -> None:
    """12: not enough money."""
    rejected = await gateway.authorise("931C 0F45", user="poor")
    assert rejected.startswith(REJECTED)
    assert 'h323-return-code = "h323-return-code=12"' in rejected
    assert 'Reply-Message = "INSUFFICIENT_FUNDS"' in rejected


async def test_another_secret_is_not_answered(gateway: Gateway) -> None:
    """Neither a question nor a record."""
    asked, told = await asyncio.gather(
        gateway.authorise("931C 0F46", secret="another secret"),
        gateway.tell("Stop", "931C 0F46", secret="another secret"),
    )
    assert (asked, told) == ("", "")


async def test_a_question_that_is_not_signed_is_not_answered(
    exchange: Exchange, gateway: Gateway
) -> None:
    """Unless the client's entries say that it cannot sign."""
    assert await gateway.authorise_unsigned("931C 0F47") == ""
    exchange.let_in('profile = "cisco"\n')
    assert (await gateway.authorise_unsigned("931C 0F48")).startswith(ACCEPTED)


async def test_a_question_of_health_is_answered(gateway: Gateway) -> None:
    """RFC 5997, as operators watch RADIUS servers."""
    assert (await gateway.ask_for_health()).startswith(ACKNOWLEDGED)

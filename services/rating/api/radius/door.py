"""Answers RADIUS requests by the charging of calls: authorisation, then what accounting tells."""

import logging

from pyrad.packet import Packet

from kernel.clock import to_micros, utc_now
from kernel.errors import DomainError, ErrorKind
from services.rating.api.radius.answers import (
    ACKNOWLEDGED,
    Reply,
    access_reply,
    accounting_reply,
    rejection,
)
from services.rating.api.radius.attributes import read_attributes
from services.rating.api.radius.clients import RadiusClient
from services.rating.api.radius.requests import Facts, accounting, authorisation, opening
from services.rating.domain.charging.answer import Answer, Reason
from services.rating.domain.charging.requests import CloseRequest, ExtendRequest, OpenRequest
from services.rating.domain.charging.return_codes import ReturnCodes
from services.rating.usecases.charging.charging import Charging
from services.rating.usecases.charging.charging_memory import ChargingMemory

# Switches wait 2 to 5 seconds before they repeat a request.
AUTHORISATION_SECONDS_MAX = 1.0
ACCOUNTING_SECONDS_MAX = 2.0

# What may work when it is tried again.
_PASSING = {ErrorKind.UNAVAILABLE, ErrorKind.ABORTED, ErrorKind.RESOURCE_EXHAUSTED}

_logger = logging.getLogger(__name__)


class RadiusDoor:
    """The two answers: to Access-Requests and to Accounting-Requests.

    A password says nothing about a call: lines are trusted because the switch is, which has their
    shared secret and has authenticated its users itself.
    """

    def __init__(self, charging: Charging, memory: ChargingMemory) -> None:
        self._charging = charging
        self._memory = memory

    async def authorise(self, packet: Packet, client: RadiusClient) -> Reply:
        """Accept or reject a call."""
        facts = _facts(packet, client)
        try:
            request = authorisation(facts)
            answer = await self._ask(request, client, AUTHORISATION_SECONDS_MAX)
        except DomainError as error:
            _logger.warning("a call cannot be authorised: %s", _trouble(error, facts))
            return rejection(error.reason, self._codes(error.reason, client), client)
        used_seconds = request.used_seconds if isinstance(request, ExtendRequest) else 0
        return access_reply(answer, self._codes(answer.reason, client), client, used_seconds)

    async def account(self, packet: Packet, client: RadiusClient) -> Reply | None:
        """Acknowledge what is committed; None for what the switch is to send again."""
        facts = _facts(packet, client)
        try:
            request = accounting(facts)
            if request is None:
                return ACKNOWLEDGED
            answer = await self._ask(request, client, ACCOUNTING_SECONDS_MAX)
            if answer.reason is Reason.UNKNOWN_SESSION:
                # A switch that only accounts: its call is metered from here on.
                await self._ask(opening(facts), client, ACCOUNTING_SECONDS_MAX)
                answer = await self._ask(request, client, ACCOUNTING_SECONDS_MAX)
        except DomainError as error:
            return _given_up(error, facts)
        if answer.reason is Reason.FUNDS_UNAVAILABLE:
            return None
        used_seconds = request.used_seconds if isinstance(request, ExtendRequest) else 0
        return accounting_reply(answer, client, used_seconds)

    async def _ask(
        self,
        request: OpenRequest | ExtendRequest | CloseRequest,
        client: RadiusClient,
        seconds_max: float,
    ) -> Answer:
        match request:
            case OpenRequest():
                return await self._charging.open(client.tenant_id, request, seconds_max)
            case ExtendRequest():
                return await self._charging.extend(client.tenant_id, request, seconds_max)
            case CloseRequest():
                return await self._charging.close(client.tenant_id, request, seconds_max)

    def _codes(self, reason: str, client: RadiusClient) -> ReturnCodes:
        """The reason in the client's words; its own mistakes are nothing that callers can mend."""
        known = Reason(reason) if reason in set(Reason) else Reason.FUNDS_UNAVAILABLE
        return self._memory.return_codes_of(client.tenant_id, client.equipment, known)


def _facts(packet: Packet, client: RadiusClient) -> Facts:
    return Facts(read_attributes(packet), client, to_micros(utc_now()))


def _given_up(error: DomainError, facts: Facts) -> Reply | None:
    """Nothing for what may pass; an acknowledgement for what would come again for ever.

    A switch that gets no answer takes the server for dead, for all calls.
    """
    if error.kind in _PASSING:
        return None
    _logger.error("an accounting record is of no use: %s", _trouble(error, facts))
    return ACKNOWLEDGED


def _trouble(error: DomainError, facts: Facts) -> str:
    """What is wrong with which session. The error's message may have a telephone number."""
    session = facts.attributes.get(facts.client.session_id.lower(), "")
    attribute = error.metadata.get("attribute", "")
    return f"{error.reason} {attribute} of {facts.client.name}, session {session!r}"

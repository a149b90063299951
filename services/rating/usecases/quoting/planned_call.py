"""A call, or messages or data, that may be made."""

from dataclasses import dataclass

from kernel.e164 import DialledNumber, NumberKind
from services.rating.domain.account import Customer
from services.rating.domain.plans.conditions import CallFacts
from services.rating.domain.priced_call import Usage
from services.rating.domain.tariffs.relation import NumberOwners
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.usage import Service


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call, or messages or data, that may be made."""

    account_id: str
    callee: DialledNumber
    start_micros: int
    begin_micros: int
    duration_ms: int = 0
    caller: str = ""
    """E.164 digits; empty when unknown."""
    routing_number: str = ""
    """Of a ported callee; empty for others."""
    service: Service = Service.VOICE
    quantity: int = 0

    @property
    def number(self) -> str:
        """What decks are asked for."""
        is_number = self.callee.kind is NumberKind.E164
        return (self.routing_number or self.callee.digits) if is_number else ""

    def usage(self, customer: Customer, tariff: Tariff, owners: NumberOwners) -> Usage:
        """The call as pricing is asked."""
        payer_id, number = customer.payer.account_id, self.number
        facts = CallFacts(
            self.service,
            self.caller,
            number,
            owners.relation(payer_id, self.callee.digits, self.start_micros),
            tariff.numbering.jurisdiction(self.caller, number),
        )
        return Usage(
            self.service,
            self.start_micros,
            self.begin_micros,
            self.duration_ms,
            self.quantity,
            True,
            self.callee.kind,
            facts,
        )

"""How callers of this contract write numbers: in international form, with or without '+'."""

from kernel.e164 import DialledNumber, NumberKind, NumberPlan, normalise
from services.rating.domain.errors import invalid_field
from services.rating.domain.usage import Service

ZONE_DIGITS_MAX = 15

# No country has it: no country's own way of dialling applies.
_NO_COUNTRY = "999"


def international(emergency_numbers: frozenset[str] = frozenset()) -> NumberPlan:
    """The number plan of requests."""
    return NumberPlan(_NO_COUNTRY, "", emergency_numbers=emergency_numbers)


def number_from_proto(text: str, plan: NumberPlan) -> DialledNumber:
    """A number of a request: INVALID_NUMBER."""
    return normalise("+" + text.removeprefix("+"), plan)


def callee_from_proto(text: str, service: Service, plan: NumberPlan) -> DialledNumber:
    """What the decks of a service are asked for: INVALID_NUMBER.

    Data is used in zones, which decks name by digits, e.g. the MCC and MNC of a network.
    """
    if service is not Service.DATA:
        return number_from_proto(text, plan)
    if not (text.isascii() and text.isdigit() and len(text) <= ZONE_DIGITS_MAX):
        problem = f"{text!r} is no zone of a data deck; give 1 to {ZONE_DIGITS_MAX} digits"
        raise invalid_field("INVALID_NUMBER", "callee", problem)
    return DialledNumber(text, NumberKind.E164)

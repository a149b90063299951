"""How callers of this contract write numbers: in international form, with or without '+'."""

from kernel.e164 import DialledNumber, NumberPlan, normalise

# No country has it: no country's own way of dialling applies.
_NO_COUNTRY = "999"


def international(emergency_numbers: frozenset[str] = frozenset()) -> NumberPlan:
    """The number plan of requests."""
    return NumberPlan(_NO_COUNTRY, "", emergency_numbers=emergency_numbers)


def number_from_proto(text: str, plan: NumberPlan) -> DialledNumber:
    """A number of a request: INVALID_NUMBER."""
    return normalise("+" + text.removeprefix("+"), plan)

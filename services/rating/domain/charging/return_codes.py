"""Reasons in the words of protocols: the standard table, and tables of single equipment.

SIP status codes and their phrases are those of RFC 3261, section 21; causes those of ITU-T Q.850,
matched with SIP as RFC 3398, section 7.2.4.1 does. `h323-return-code` has the values that Cisco's
voice gateways and their IVR scripts know: 0 success, 1 invalid account, 3 account in use (or too
many calls), 4 zero balance, 6 credit limit, 7 user denied, 8 service not available, 9 called number
blocked, 11 invalid argument, 12 insufficient balance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from services.rating.domain.charging.answer import Reason
from services.rating.domain.errors import invalid_field

EQUIPMENT_LENGTH_MAX = 64
PHRASE_LENGTH_MAX = 100
Q850_CAUSE_MAX = 127
H323_RETURN_CODE_MAX = 65_535


class ReturnCodes(NamedTuple):
    """One reason in the words of protocols."""

    sip: int
    sip_phrase: str
    q850: int
    h323: int


# RFC 3261, 21.2.1, 21.4 and 21.5.
_PAYMENT_REQUIRED = (402, "Payment Required")
_FORBIDDEN = (403, "Forbidden")
_NOT_FOUND = (404, "Not Found")
_NO_SUCH_CALL = (481, "Call/Transaction Does Not Exist")
_ADDRESS_INCOMPLETE = (484, "Address Incomplete")
_BUSY_HERE = (486, "Busy Here")
_SERVER_ERROR = (500, "Server Internal Error")
_UNAVAILABLE = (503, "Service Unavailable")

STANDARD_TABLE: Mapping[Reason, ReturnCodes] = {
    Reason.NONE: ReturnCodes(200, "OK", 16, 0),
    Reason.OFFLINE_ALLOWANCE: ReturnCodes(200, "OK", 16, 0),
    Reason.INSUFFICIENT_FUNDS: ReturnCodes(*_PAYMENT_REQUIRED, 21, 12),
    Reason.SPEND_CAP_REACHED: ReturnCodes(*_PAYMENT_REQUIRED, 21, 6),
    Reason.ACCOUNT_BLOCKED: ReturnCodes(*_FORBIDDEN, 21, 7),
    Reason.UNKNOWN_ACCOUNT: ReturnCodes(*_FORBIDDEN, 21, 1),
    Reason.NO_PLAN: ReturnCodes(*_FORBIDDEN, 21, 7),
    Reason.NO_RATE: ReturnCodes(*_NOT_FOUND, 3, 9),
    Reason.RATE_NOT_YET_VALID: ReturnCodes(*_NOT_FOUND, 3, 9),
    Reason.NO_EXCHANGE_RATE: ReturnCodes(*_SERVER_ERROR, 41, 8),
    Reason.CURRENCY_MISMATCH: ReturnCodes(*_SERVER_ERROR, 41, 8),
    Reason.INVALID_NUMBER: ReturnCodes(*_ADDRESS_INCOMPLETE, 28, 11),
    Reason.INVALID_DURATION: ReturnCodes(*_FORBIDDEN, 21, 11),
    Reason.CALL_LIMIT_REACHED: ReturnCodes(*_BUSY_HERE, 17, 3),
    Reason.CALL_RATE_EXCEEDED: ReturnCodes(*_UNAVAILABLE, 42, 3),
    Reason.RESELLER_REFUSED: ReturnCodes(*_UNAVAILABLE, 21, 8),
    Reason.FUNDS_UNAVAILABLE: ReturnCodes(*_UNAVAILABLE, 41, 8),
    Reason.HANG_UP_REQUESTED: ReturnCodes(*_FORBIDDEN, 21, 7),
    Reason.SESSION_CLOSED: ReturnCodes(*_NO_SUCH_CALL, 101, 11),
    Reason.SESSION_EXPIRED: ReturnCodes(*_NO_SUCH_CALL, 102, 11),
    Reason.SESSION_REFUSED: ReturnCodes(*_FORBIDDEN, 21, 7),
    Reason.UNKNOWN_SESSION: ReturnCodes(*_NO_SUCH_CALL, 101, 11),
}

# What single equipment is told instead, by its name and the reason.
EquipmentTables = Mapping[tuple[str, Reason], ReturnCodes]


def codes_of(tables: EquipmentTables, equipment: str, reason: Reason) -> ReturnCodes:
    """What an equipment is told for a reason: by its own table, else by the standard one."""
    return tables.get((equipment, reason)) or STANDARD_TABLE[reason]


def read_reason(text: str) -> Reason:
    """A reason by its word. Raises INVALID_RETURN_CODE."""
    try:
        return Reason(text)
    except ValueError:
        known = ", ".join(filter(None, Reason))
        raise invalid_field(
            "INVALID_RETURN_CODE", "reason", f"{text[:40]!r} is none; use one of {known}"
        ) from None


def check_codes(equipment: str, codes: ReturnCodes) -> None:
    """Refuse what no equipment understands. Raises INVALID_RETURN_CODE."""
    if not 1 <= len(equipment) <= EQUIPMENT_LENGTH_MAX:
        problem = f"{equipment[:40]!r} does not have 1 to {EQUIPMENT_LENGTH_MAX} characters"
        raise invalid_field("INVALID_RETURN_CODE", "equipment", problem)
    _check_range("sip", codes.sip, 200, 699)
    _check_range("q850", codes.q850, 1, Q850_CAUSE_MAX)
    _check_range("h323", codes.h323, 0, H323_RETURN_CODE_MAX)
    phrase = codes.sip_phrase
    if not (1 <= len(phrase) <= PHRASE_LENGTH_MAX and phrase.isprintable()):
        problem = f"{phrase[:40]!r} is not a line of 1 to {PHRASE_LENGTH_MAX} characters"
        raise invalid_field("INVALID_RETURN_CODE", "return_codes.sip_reason", problem)


def _check_range(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        problem = f"{value} is not between {least} and {most}"
        raise invalid_field("INVALID_RETURN_CODE", f"return_codes.{field}", problem)

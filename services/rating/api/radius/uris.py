"""What the URIs of telephony say: who is meant, and where a ported number is."""

import re
from urllib.parse import unquote

_URI = re.compile(r"(?:.*<)?(?:sips?|tel|h323):([^@>]*)", re.IGNORECASE | re.DOTALL)
_ROUTING_NUMBER = re.compile(r";rn=\+?([0-9]{1,15})(?:;|$)", re.IGNORECASE)


def user_of(text: str) -> str:
    """The user part of a URI (sip:, sips:, tel:) in or out of angle brackets; else the text."""
    match = _URI.match(text)
    return unquote(match[1].partition(";")[0]) if match else text


def routing_number_of(text: str) -> str:
    """The routing number of a ported number (RFC 4694), as tel: and sip: URIs carry it."""
    match = _ROUTING_NUMBER.search(text.partition("@")[0])
    return match[1] if match else ""

"""Times as switches write them in RADIUS attributes."""

import re
from datetime import UTC, datetime, tzinfo

from kernel.clock import to_micros

# `*14:30:25.429 GMT Wed Jan 23 2002`: with a mark in front when the clock was not synchronised.
_H323 = re.compile(
    r"[*.]?(\d{1,2}:\d\d:\d\d)(\.\d{1,6})? (\S+) [A-Za-z]{3} ([A-Za-z]{3}) {1,2}(\d{1,2}) (\d{4})",
    re.ASCII,
)
_OFFSET = re.compile(r"[+-]\d\d:?\d\d", re.ASCII)
_UTC_NAMES = {"UTC", "GMT", "Z"}


def read_time(text: str, zone: tzinfo) -> int | None:
    """Microseconds since 1970, of Cisco's form or of ISO 8601; None for anything else.

    Names of zones are ambiguous (CST, IST): all but UTC and GMT stand for the client's own zone.
    """
    match = _H323.fullmatch(text.strip())
    try:
        written = _h323(match) if match else datetime.fromisoformat(text.strip().replace(" +", "+"))
    except ValueError:
        return None
    return to_micros(written if written.tzinfo else written.replace(tzinfo=zone))


def _h323(match: re.Match[str]) -> datetime:
    clock, fraction, zone, month, day, year = match.groups(default=".0")
    form = "%d %b %Y %H:%M:%S.%f"
    text = f"{day} {month} {year} {clock}{fraction}"
    if _OFFSET.fullmatch(zone):
        return datetime.strptime(f"{text} {zone}", f"{form} %z")
    written = datetime.strptime(text, form)  # noqa: DTZ007  the caller adds the client's zone
    return written.replace(tzinfo=UTC) if zone.upper() in _UTC_NAMES else written

"""Calls that a test places, and the records that a switch writes of them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """A call that a test places, before it is a record."""

    account_code: str
    callee: str
    start: datetime
    seconds: int
    unique_id: str


def asterisk_csv(calls: Sequence[PlacedCall]) -> bytes:
    """Write calls as Asterisk's cdr_csv would."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    for placed in calls:
        answer = placed.start + timedelta(seconds=3)
        end = answer + timedelta(seconds=placed.seconds)
        answered = placed.seconds > 0
        writer.writerow(
            [placed.account_code, "31201234567", placed.callee, "outbound", '"Desk" <31201234567>',
             f"SIP/{placed.account_code}-0001", "SIP/carrier-0002", "Dial", "SIP/carrier",
             f"{placed.start:%F %T}", f"{answer:%F %T}" if answered else "", f"{end:%F %T}",
             placed.seconds + 3, placed.seconds, "ANSWERED" if answered else "NO ANSWER",
             "DOCUMENTATION", placed.unique_id, ""]
        )  # fmt: skip
    return out.getvalue().encode()

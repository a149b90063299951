"""Usage: what rating has settled, as a period holds it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import groupby
from operator import attrgetter
from typing import Any

from kernel.period import Period
from kernel.set_digest import SetDigest
from services.invoice.domain.invoice import InvoiceLine

REVISION_BYTES = 4
MICROS_BYTES = 8


class ChargeKind(IntEnum):
    """What a charge is for; the numbers are those of rating's contract."""

    CALL = 1
    RECURRING_FEE = 2


@dataclass(frozen=True, slots=True)
class Charge:
    """A call or fee as it stands in one period.

    `micros` is all that the revisions in this period have added, the rest is as in the newest of
    them: a call that was priced twice is one call.
    """

    charge_id: bytes
    kind: ChargeKind
    account_id: str
    correction: bool
    start_time: datetime
    duration_ms: int
    charged_duration_ms: int
    caller: str
    callee: str
    usage_line: str
    micros: int

    @property
    def is_worth_a_line(self) -> bool:
        """Whether a customer wants to see it: not when nobody answered and nothing was charged."""
        return bool(self.duration_ms or self.charged_duration_ms or self.micros)

    @property
    def line_key(self) -> tuple[bool, bool, str]:
        """The invoice line it belongs to, in the order of the invoice: fees, calls, corrections."""
        return self.correction, self.kind is ChargeKind.CALL, self.usage_line


@dataclass(frozen=True, slots=True)
class UsageBatch:
    """Charge revisions as the store takes them, and the paying accounts' periods they are for."""

    rows: Sequence[tuple[Any, ...]]
    spans: Sequence[tuple[str, Period]]


def in_line_order(charges: Iterable[Charge]) -> list[Charge]:
    """The charges that are worth a line, by invoice line, then by time."""
    shown = (charge for charge in charges if charge.is_worth_a_line)
    return sorted(shown, key=lambda charge: (charge.line_key, charge.charge_id))


def invoice_lines(charges: Iterable[Charge]) -> tuple[InvoiceLine, ...]:
    """The lines that sum the charges up, to the micro."""
    grouped = groupby(in_line_order(charges), key=attrgetter("line_key"))
    return tuple(_line(key, list(members)) for key, members in grouped)


def usage_digest(revisions: Iterable[tuple[bytes, int, int]]) -> str:
    """Rating's digest of a period, of (charge id, revision, delta in micros)."""
    digest = SetDigest()
    for charge_id, revision, micros_delta in revisions:
        digest.add(
            charge_id
            + revision.to_bytes(REVISION_BYTES)
            + micros_delta.to_bytes(MICROS_BYTES, signed=True)
        )
    return digest.hex()


def _line(key: tuple[bool, bool, str], charges: list[Charge]) -> InvoiceLine:
    correction, _, usage_line = key
    return InvoiceLine(
        usage_line,
        len(charges),
        sum(charge.charged_duration_ms for charge in charges),
        sum(charge.micros for charge in charges),
        correction,
    )

"""Usage: what rating has settled, as a period holds it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import chain
from typing import Any

from kernel.period import Period
from kernel.set_digest import SetDigest
from services.invoice.domain.invoice import InvoiceLine

REVISION_BYTES = 4
MICROS_BYTES = 8

LineKey = tuple[bool, int, str]
"""Whether it is a correction, the place of its kind, and the name of an invoice line."""


class ChargeKind(IntEnum):
    """What a charge is for; the numbers are those of rating's contract."""

    CALL = 1
    RECURRING_FEE = 2
    SMS = 3
    DATA = 4
    DID_RENTAL = 5
    ONE_OFF_FEE = 6
    VOLUME_ADJUSTMENT = 7
    """What a tier for the whole volume of a period adds or takes back."""


# Fees come first, and no kind shares its lines with another that is counted otherwise.
LINE_PLACES = {
    ChargeKind.RECURRING_FEE: 0,
    ChargeKind.ONE_OFF_FEE: 0,
    ChargeKind.DID_RENTAL: 0,
    ChargeKind.CALL: 1,
    ChargeKind.SMS: 2,
    ChargeKind.DATA: 3,
    ChargeKind.VOLUME_ADJUSTMENT: 4,
}


@dataclass(frozen=True, slots=True)
class Charge:
    """A call, other usage, or a fee as it stands in one period.

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
    def line_key(self) -> LineKey:
        """The invoice line it belongs to, in the order of the invoice: fees, usage, corrections."""
        return self.correction, LINE_PLACES[self.kind], self.usage_line


@dataclass(slots=True)
class LineSum:
    """The charges of one invoice line, being summed."""

    charge_count: int = 0
    charged_duration_ms: int = 0
    micros: int = 0

    def add(self, charge: Charge) -> None:
        """Count one more charge."""
        self.charge_count += 1
        self.charged_duration_ms += charge.charged_duration_ms
        self.micros += charge.micros

    def to_line(self, key: LineKey) -> InvoiceLine:
        """The line of that key."""
        correction, _, usage_line = key
        return InvoiceLine(
            usage_line, self.charge_count, self.charged_duration_ms, self.micros, correction
        )


@dataclass(frozen=True, slots=True)
class UsageBatch:
    """Charge revisions as the store takes them, once, and the payers' periods they are for.

    `spans` are by period key; `currencies` has what each paying account is charged in: (account,
    currency).
    """

    rows: Iterable[tuple[Any, ...]]
    spans: Mapping[bytes, tuple[str, Period]]
    currencies: Collection[tuple[str, str]]


def joined(batches: Sequence[UsageBatch]) -> UsageBatch:
    """Batches of one tenant as one."""
    return UsageBatch(
        chain.from_iterable(batch.rows for batch in batches),
        {key: span for batch in batches for key, span in batch.spans.items()},
        {each for batch in batches for each in batch.currencies},
    )


def in_line_order(charges: Iterable[Charge]) -> list[Charge]:
    """The charges that are worth a line, by invoice line, then by time."""
    shown = (charge for charge in charges if charge.is_worth_a_line)
    return sorted(shown, key=lambda charge: (charge.line_key, charge.charge_id))


def invoice_lines(charges: Iterable[Charge]) -> tuple[InvoiceLine, ...]:
    """The lines that sum the charges up, to the micro; takes any number of them, one at a time."""
    sums: defaultdict[LineKey, LineSum] = defaultdict(LineSum)
    for charge in charges:
        if charge.is_worth_a_line:
            sums[charge.line_key].add(charge)
    return tuple(sums[key].to_line(key) for key in sorted(sums))


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

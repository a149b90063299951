"""The seal of a billing period: what the period holds, for ever."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kernel.set_digest import SetDigest

REVISION_BYTES = 4
AMOUNT_BYTES = 8


class SealedCharge(NamedTuple):
    """One priced settlement in a period."""

    charge_id: bytes
    revision: int
    amount_delta_micros: int
    usage_line: str

    @property
    def digest_item(self) -> bytes:
        """What invoice digests too when it has folded the settlement."""
        return (
            self.charge_id
            + self.revision.to_bytes(REVISION_BYTES)
            + self.amount_delta_micros.to_bytes(AMOUNT_BYTES, signed=True)
        )


class UsageLine(NamedTuple):
    """The sum of one line of the invoice."""

    usage_line: str
    charge_count: int
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Seal:
    """Count, sum and digest of the priced settlements of a period."""

    seal_id: str
    currency: str
    charge_count: int
    amount_micros: int
    usage_lines: tuple[UsageLine, ...]
    digest: str
    unrated_count: int


def seal_charges(
    seal_id: str, currency: str, charges: Iterable[SealedCharge], unrated_count: int
) -> Seal:
    """The seal of a period in which these charges are booked."""
    digest = SetDigest()
    lines: dict[str, UsageLine] = {}
    for charge in charges:
        digest.add(charge.digest_item)
        _, count, amount = lines.get(charge.usage_line, (charge.usage_line, 0, 0))
        total = amount + charge.amount_delta_micros
        lines[charge.usage_line] = UsageLine(charge.usage_line, count + 1, total)
    return Seal(
        seal_id=seal_id,
        currency=currency,
        charge_count=sum(line.charge_count for line in lines.values()),
        amount_micros=sum(line.amount_micros for line in lines.values()),
        usage_lines=tuple(sorted(lines.values())),
        digest=digest.hex(),
        unrated_count=unrated_count,
    )

"""Seals of billing periods, and the charges that they count."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from kernel.period import Period
from services.rating.domain.charges.seal import Seal, SealedCharge, UsageLine
from services.rating.domain.charges.settlement import Outcome
from services.rating.store.accounts import note_seal
from services.rating.store.schema import charge, period_seal

FETCH_ROWS = 10_000


class SealKey(NamedTuple):
    """Whose period it is."""

    tenant_id: str
    account_id: str


def seal_of(connection: Connection, key: SealKey, period: Period) -> Seal | None:
    """The seal of a period, if it has one."""
    table = period_seal.c
    query = select(period_seal).where(
        table.tenant_id == key.tenant_id,
        table.account_id == key.account_id,
        table.period_start == period.start,
        table.period_end == period.end,
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Seal(
        seal_id=row.seal_id,
        currency=row.currency,
        charge_count=row.charge_count,
        amount_micros=row.amount_micros,
        usage_lines=tuple(UsageLine(*line) for line in json.loads(row.usage_lines)),
        digest=row.digest,
        unrated_count=row.unrated_count,
    )


def insert_seal(
    connection: Connection, key: SealKey, period: Period, seal: Seal, moment: datetime
) -> None:
    """Store a seal of an account that is locked, for ever."""
    values = {
        **key._asdict(),
        "period_start": period.start,
        "period_end": period.end,
        "seal_id": seal.seal_id,
        "currency": seal.currency,
        "charge_count": seal.charge_count,
        "amount_micros": seal.amount_micros,
        "usage_lines": json.dumps(seal.usage_lines, ensure_ascii=False),
        "digest": seal.digest,
        "unrated_count": seal.unrated_count,
        "seal_time": moment,
    }
    connection.execute(insert(period_seal), values)
    note_seal(connection, key.tenant_id, key.account_id, period.end)


def charges_in(connection: Connection, key: SealKey, period: Period) -> Iterator[SealedCharge]:
    """The priced settlements that are booked in a period."""
    query = select(*(charge.c[name] for name in SealedCharge._fields)).where(
        charge.c.tenant_id == key.tenant_id,
        charge.c.payer_account_id == key.account_id,
        charge.c.period_start == period.start,
        charge.c.period_end == period.end,
        charge.c.outcome != Outcome.UNRATED,
    )
    rows = connection.execute(query, execution_options={"yield_per": FETCH_ROWS})
    return (SealedCharge(*row) for row in rows)

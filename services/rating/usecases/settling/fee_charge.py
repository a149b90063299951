"""A fee as a charge: settled once, when it falls due."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from services.rating.domain.account import Account
from services.rating.domain.charges.charge import (
    NO_EVENT,
    ChargeKind,
    ChargeRevision,
    Party,
    charge_id,
)
from services.rating.domain.charges.settlement import InputKind, Outcome
from services.rating.domain.errors import CURRENCY_MISMATCH, UNKNOWN_ACCOUNT, unrated
from services.rating.domain.fees.fee_prices import PricedFee
from services.rating.store.accounts import Lock
from services.rating.usecases.settling.booking import Booked, Bookings
from services.rating.usecases.settling.charge_events import Settlements, record_settlements


class FeeIdentity(NamedTuple):
    """What makes a fee that is charged one and the same."""

    kind: ChargeKind
    key_kind: int
    key: str
    leg: str
    account_id: str
    start_micros: int

    def charge_id(self, tenant_id: str, *more: str) -> bytes:
        """The id of its charge; `more` tells apart what has the same key and leg."""
        party = str(Party.CUSTOMER.value)
        return charge_id(
            self.start_micros, tenant_id, self.key_kind, self.key, self.leg, party, *more
        )


def account_and_payer(bookings: Bookings, account_id: str) -> tuple[Account, Account]:
    """Whose fee it is and who pays, both held alone.

    What is charged once is looked up and charged by one at a time.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, CURRENCY_MISMATCH.
    """
    account = _held(bookings, account_id)
    payer = _held(bookings, account.payer_account_id)
    if account.currency != payer.currency:
        raise unrated(CURRENCY_MISMATCH, account_id=account_id)
    return account, payer


def record_fee(
    uow: UnitOfWork,
    tenant_id: str,
    key: bytes,
    fee: FeeIdentity,
    payer_id: str,
    booked: Booked,
    priced: PricedFee,
) -> ChargeRevision:
    """Store and publish the charge of a fee."""
    outcome = Outcome.RATED if priced.amount_micros else Outcome.ZERO
    charge = ChargeRevision(
        **_NOT_OF_FEES,
        charge_id=key,
        tenant_id=tenant_id,
        kind=fee.kind.value,
        call_key_kind=fee.key_kind,
        call_key=fee.key,
        leg=fee.leg,
        account_id=fee.account_id,
        payer_account_id=payer_id,
        outcome=outcome.value,
        currency=priced.currency,
        amount_micros=priced.amount_micros,
        amount_delta_micros=priced.amount_micros,
        usage_line=priced.usage_line,
        prefix=priced.prefix,
        period_start=booked.start,
        period_end=booked.end,
        correction=booked.correction,
        start_time=fee.start_micros,
        receipt=priced.receipt,
        settle_time=to_micros(uow.now),
    )
    record_settlements(uow, tenant_id, Settlements.of([charge]))
    return charge


# Fees are charged to customers, once, and have no record of a call.
_NOT_OF_FEES: Mapping[str, Any] = {
    "revision": 1,
    "party": Party.CUSTOMER.value,
    "party_level": 0,
    "call_id": None,
    "call_revision": 0,
    "source": InputKind.SCHEDULE.value,
    "unrated_reason": "",
    "duration_ms": 0,
    "charged_ms": 0,
    "opened_partition": NO_EVENT[0],
    "opened_sequence": NO_EVENT[1],
}


def _held(bookings: Bookings, account_id: str) -> Account:
    bookings.hold({account_id}, Lock.UPDATE)
    if account_id not in bookings.accounts:
        raise unrated(UNKNOWN_ACCOUNT, account_id=account_id)
    return bookings.accounts[account_id]

"""A fee as a charge of the customer and of each reseller above: settled once, when it is due."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from services.rating.domain.account import Account, Customer, plan_in_force
from services.rating.domain.charges.charge import (
    ChargeKind,
    ChargeRevision,
    Party,
    charge_id,
    party_key,
)
from services.rating.domain.charges.settlement import InputKind, Outcome
from services.rating.domain.errors import CURRENCY_MISMATCH, UNKNOWN_ACCOUNT, unrated
from services.rating.domain.fees.fee_prices import FeeTerms, PricedFee
from services.rating.domain.receipts import receipt
from services.rating.store.accounts import Lock
from services.rating.store.charges import NO_EVENT
from services.rating.usecases.parties import RESELLER_LEVELS_MAX
from services.rating.usecases.settling.booking import Booked, Bookings
from services.rating.usecases.settling.charge_events import Settlements, record_settlements
from services.rating.usecases.settling.note_margins import note_chains
from services.rating.usecases.settling.price_calls import CallPricing

PriceForReseller = Callable[[Customer], PricedFee | None]
"""What a fee costs a reseller by its own plan; None where that has no price for it."""


class FeeIdentity(NamedTuple):
    """What makes a fee that is charged one and the same."""

    kind: ChargeKind
    key_kind: int
    key: str
    leg: str
    account_id: str
    start_micros: int
    is_key_of_account: bool = False
    """Whether accounts may have the same key, each for a fee of its own."""

    def charge_id(self, tenant_id: str, level: int = 0) -> bytes:
        """The id of the customer's charge, or of the charge of a level of resellers."""
        party = party_key(int(Party.RESELLER if level else Party.CUSTOMER), level)
        owner = (self.account_id,) if self.is_key_of_account else ()
        return charge_id(
            self.start_micros, tenant_id, self.key_kind, self.key, self.leg, party, *owner
        )


def account_and_payer(
    bookings: Bookings, account_id: str, lock: Lock = Lock.UPDATE
) -> tuple[Account, Account]:
    """Whose fee it is and who pays, both held: alone unless told otherwise.

    What is charged once is looked up and charged by one at a time.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, CURRENCY_MISMATCH.
    """
    account = _held(bookings, account_id, lock)
    payer = _held(bookings, account.payer_account_id, lock)
    if account.currency != payer.currency:
        raise unrated(CURRENCY_MISMATCH, account_id=account_id)
    return account, payer


def terms_of(pricing: CallPricing, customer: Customer, instant_micros: int) -> FeeTerms | None:
    """What prices a customer's fees at an instant; None without a plan in force."""
    plan_id = plan_in_force(customer.subscriptions, instant_micros)
    terms = pricing.tariff.terms_at(plan_id, instant_micros) if plan_id else None
    if terms is None:
        return None
    return FeeTerms.of(customer, terms, pricing.tariff, instant_micros)


def record_fee(
    uow: UnitOfWork,
    tenant_id: str,
    fee: FeeIdentity,
    payer_id: str,
    booked: Booked,
    priced: PricedFee,
) -> ChargeRevision:
    """Store and publish the charge of a fee that only the customer pays."""
    charge = _charge(uow, tenant_id, fee, payer_id, booked, priced)
    record_settlements(uow, tenant_id, Settlements.of([charge]))
    return charge


def record_fee_of_parties(
    pricing: CallPricing,
    fee: FeeIdentity,
    payer_id: str,
    booked: Booked,
    priced: PricedFee,
    price: PriceForReseller,
) -> ChargeRevision:
    """Store and publish the charges of a fee and their margins; the customer's is answered.

    A reseller's charge comes into its open period when that of the fee is sealed.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, CURRENCY_MISMATCH of a reseller, and what `price` raises.
    """
    first = _charge(pricing.uow, pricing.tenant_id, fee, payer_id, booked, priced)
    charges = [first]
    for level, reseller in enumerate(_resellers(pricing, fee.account_id), start=1):
        key = fee.charge_id(pricing.tenant_id, level)
        charges.append(_of_reseller(pricing, first, key, level, reseller, price(reseller)))
    record_settlements(pricing.uow, pricing.tenant_id, Settlements.of(charges))
    note_chains(pricing, [charges])
    return first


def _resellers(pricing: CallPricing, account_id: str) -> Iterator[Customer]:
    """Who sells to an account, level by level; each is held."""
    account = pricing.accounts[account_id]
    for _ in range(RESELLER_LEVELS_MAX):
        if not account.reseller_account_id:
            return
        account, _payer = account_and_payer(
            pricing.bookings, account.reseller_account_id, Lock.SHARE
        )
        yield pricing.customer(account.account_id)


def _of_reseller(
    pricing: CallPricing,
    first: ChargeRevision,
    key: bytes,
    level: int,
    reseller: Customer,
    priced: PricedFee | None,
) -> ChargeRevision:
    account, payer_id = reseller.account, reseller.payer.account_id
    if priced is None:
        nothing = receipt.no_fee(account.currency, ChargeKind(first.kind).name)
        priced = PricedFee(account.currency, 0, nothing, first.usage_line)
    return first._replace(
        charge_id=key,
        party=Party.RESELLER.value,
        party_level=level,
        account_id=account.account_id,
        payer_account_id=payer_id,
        **_settled(priced, pricing.bookings.book(payer_id, first.start_time)),
    )


def _charge(
    uow: UnitOfWork,
    tenant_id: str,
    fee: FeeIdentity,
    payer_id: str,
    booked: Booked,
    priced: PricedFee,
) -> ChargeRevision:
    key = fee.charge_id(tenant_id)
    return ChargeRevision(
        **_NOT_OF_FEES,
        **_settled(priced, booked),
        charge_id=key,
        # What the charges of its parties have in common.
        call_id=key,
        tenant_id=tenant_id,
        kind=fee.kind.value,
        call_key_kind=fee.key_kind,
        call_key=fee.key,
        leg=fee.leg,
        account_id=fee.account_id,
        payer_account_id=payer_id,
        start_time=fee.start_micros,
        settle_time=to_micros(uow.now),
    )


def _settled(priced: PricedFee, booked: Booked) -> dict[str, Any]:
    outcome = Outcome.RATED if priced.amount_micros else Outcome.ZERO
    return {
        "outcome": outcome.value,
        "currency": priced.currency,
        "amount_micros": priced.amount_micros,
        "amount_delta_micros": priced.amount_micros,
        "usage_line": priced.usage_line,
        "prefix": priced.prefix,
        "period_start": booked.start,
        "period_end": booked.end,
        "correction": booked.correction,
        "receipt": priced.receipt,
    }


# Fees are charged to customers first, once, and have no record of a call.
_NOT_OF_FEES: Mapping[str, Any] = {
    "revision": 1,
    "party": Party.CUSTOMER.value,
    "party_level": 0,
    "call_revision": 0,
    "source": InputKind.SCHEDULE.value,
    "unrated_reason": "",
    "duration_ms": 0,
    "charged_ms": 0,
    "opened_partition": NO_EVENT.partition,
    "opened_sequence": NO_EVENT.sequence,
}


def _held(bookings: Bookings, account_id: str, lock: Lock) -> Account:
    bookings.hold({account_id}, lock)
    if account_id not in bookings.accounts:
        raise unrated(UNKNOWN_ACCOUNT, account_id=account_id)
    return bookings.accounts[account_id]
